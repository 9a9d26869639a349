// Package weights reads and writes model weights in the formats people have: safetensors files, single or sharded, the
// config.json beside them, GGUF files, and PEFT's LoRA adapters.
//
// Files are read by range. Opening one reads its header only; a tensor's bytes can then go straight from storage to the GPU
// (Info.Blob, Begin, End), or be converted to float32 here in pieces.
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

// File is an open safetensors or GGUF file, or several that one index binds together. It holds no resources and is safe for
// concurrent use.
type File struct {
	store    blob.Store
	name     string
	tensors  []Info
	byName   map[string]int
	metadata map[string]string
}

// Open reads the header of a safetensors file and checks it whole, after which every Info can be trusted.
func Open(ctx context.Context, store blob.Store, name string) (*File, error) {
	f := &File{store: store, name: name, byName: map[string]int{}}
	size, err := store.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	if size < 8 {
		return nil, fault.New(fault.Malformed, name, "header", "the file has %d bytes, too few for a header", size).
			WithRemedy(fetchAgain)
	}
	var prefix [8]byte
	if err := store.ReadAt(ctx, name, prefix[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader {
		return nil, fault.New(fault.TooLarge, name, "header", "says it is %d bytes long", n).WithLimit("%d", maxHeader).
			WithRemedy("this is no safetensors file, or it is altered: fetch it again")
	}
	if int64(n) > size-8 {
		return nil, fault.New(fault.Malformed, name, "header", "says it is %d bytes long, the file has %d after the length", n, size-8).
			WithRemedy(fetchAgain)
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

// Name is the blob the file was opened by: the file itself, or the index of its shards.
func (f *File) Name() string { return f.name }

// Metadata is the header's free-form part, such as {"format": "pt"}.
func (f *File) Metadata() map[string]string { return f.metadata }

// Tensors lists the tensors in the order of their bytes, shard by shard. The caller must not change the slice.
func (f *File) Tensors() []Info { return f.tensors }

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// ReadBytes fills p with a tensor's stored bytes from off on, off counted from the tensor's first byte.
func (f *File) ReadBytes(ctx context.Context, t Info, p []byte, off int64) error {
	if err := blob.CheckRange(t.Blob, len(p), off, t.End-t.Begin); err != nil {
		return err
	}
	return f.store.ReadAt(ctx, t.Blob, p, t.Begin+off)
}

// sampled is how many bytes of each tensor Sample looks at.
const sampled = 4096

// Sample tells models apart by all names, types and shapes and the first bytes of every tensor: FNV-1a, which is no protection
// against anyone. Other weights have other bytes there, and reading a large model whole takes longer than opening it.
func (f *File) Sample(ctx context.Context) (string, error) {
	h := fnv.New64a()
	buf := make([]byte, sampled)
	for _, t := range f.tensors {
		p := buf[:min(sampled, t.End-t.Begin)]
		if err := f.ReadBytes(ctx, t, p, 0); err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %s %v ", t.Name, t.DType, t.Shape)
		h.Write(p)
	}
	return strconv.FormatUint(h.Sum64(), 16), nil
}

// ReadF32 reads a whole tensor as float32.
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
