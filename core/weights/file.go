// Package weights reads and writes model weights: safetensors files (single or sharded) with their
// config.json, GGUF files, and LoRA adapters in PEFT's format.
//
// Opening a file reads only its header. Tensor data is read by byte range: either it goes straight
// from storage to the GPU (Info.Blob, Begin, End), or it is converted to float32 here, chunk by
// chunk.
//
// Files are untrusted. Invalid, truncated and unsupported files give a *fault.Error that names the
// file and the field or tensor, and what to do. Every length is checked before memory is allocated.
package weights

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strconv"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// File is an open safetensors or GGUF file, or a set of shards with a common index. It holds no
// resources and is safe for concurrent use.
type File struct {
	store    blob.Store
	name     string
	tensors  []Info
	byName   map[string]int
	metadata map[string]string
}

// Open reads and checks the complete header of a safetensors file. Every Info of the result is
// valid.
func Open(ctx context.Context, store blob.Store, name string) (*File, error) {
	f := &File{store: store, name: name, byName: map[string]int{}}
	size, err := store.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	if size < 8 {
		return nil, fault.New(fault.Malformed, name, "header", "the file has only %d bytes, too few for a header",
			size).WithRemedy(downloadAgain)
	}
	var prefix [8]byte
	if err := store.ReadAt(ctx, name, prefix[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader {
		return nil, fault.New(fault.TooLarge, name, "header", "has a length of %d bytes", n).WithLimit("%d", maxHeader).
			WithRemedy("the file is not in safetensors format or was altered: download it again")
	}
	if int64(n) > size-8 {
		return nil, fault.New(fault.Malformed, name, "header", "has a length of %d bytes, but only %d bytes follow", n,
			size-8).WithRemedy(downloadAgain)
	}
	header := make([]byte, n)
	if err := store.ReadAt(ctx, name, header, 8); err != nil {
		return nil, err
	}
	if f.tensors, f.metadata, err = parseHeader(name, header, 8+int64(n), size); err != nil {
		return nil, err
	}
	for i, t := range f.tensors {
		f.byName[t.Name] = i
	}
	return f, nil
}

// Name is the blob that was opened: the file itself, or the index of its shards.
func (f *File) Name() string { return f.name }

// Metadata is the free-form part of the header, such as {"format": "pt"}.
func (f *File) Metadata() map[string]string { return f.metadata }

// Tensors lists the tensors in the order of their data, shard by shard. The caller must not change
// the slice.
func (f *File) Tensors() []Info { return f.tensors }

// Tensor returns the tensor with a name.
func (f *File) Tensor(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// ReadBytes fills p with stored bytes of a tensor, starting at off bytes after the tensor's first
// byte.
func (f *File) ReadBytes(ctx context.Context, t Info, p []byte, off int64) error {
	if err := blob.CheckRange(t.Blob, len(p), off, t.End-t.Begin); err != nil {
		return err
	}
	return f.store.ReadAt(ctx, t.Blob, p, t.Begin+off)
}

// fingerprintBytes is the number of bytes of each tensor that Fingerprint reads.
const fingerprintBytes = 4096

// Fingerprint is an FNV-1a hash of all names, types and shapes and the first bytes of every tensor,
// in hexadecimal. It tells models apart without reading them completely. It is not
// cryptographically secure.
func (f *File) Fingerprint(ctx context.Context) (string, error) {
	h := fnv.New64a()
	buf := make([]byte, fingerprintBytes)
	for _, t := range f.tensors {
		p := buf[:min(fingerprintBytes, t.End-t.Begin)]
		if err := f.ReadBytes(ctx, t, p, 0); err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %s %v ", t.Name, t.DType, t.Shape)
		h.Write(p)
	}
	return strconv.FormatUint(h.Sum64(), 16), nil
}

// ReadF32 reads a complete tensor as float32, in row-major order.
func (f *File) ReadF32(ctx context.Context, name string) ([]float32, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, fault.New(fault.Missing, f.name, "tensor "+fault.Quote(name), "is not in the file")
	}
	dst := make([]float32, t.Elements())
	if err := f.ReadF32At(ctx, t, dst, 0); err != nil {
		return nil, err
	}
	return dst, nil
}
