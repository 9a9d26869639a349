// Package weights reads and writes model weights in the formats people have: safetensors files, single or sharded, the
// config.json beside them, and PEFT's LoRA adapters.
//
// Files are read by range. Opening one reads its header only; a tensor's bytes can then go straight from storage to the GPU
// (Info.Blob, Begin, End), or be converted to float32 here in pieces.
package weights

import (
	"context"
	"encoding/binary"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// File is an open safetensors file, or several that one index binds together. It holds no resources and is safe for
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

// convertChunk is the elements converted at a time: big enough to amortise a read, small enough that a model twice the
// size of memory's free part still loads.
const convertChunk = 1 << 18

// ReadF32At fills dst with a tensor's elements from first on, in row-major order, converting F16 and BF16. A value that is
// not finite is a fault.NaN that names the element.
func (f *File) ReadF32At(ctx context.Context, t Info, dst []float32, first int) error {
	if !t.DType.IsFloat() {
		return fault.New(fault.Unsupported, t.Blob, t.Field(), "has the element type %s", t.DType).
			WithRemedy("convert the model to F32, F16 or BF16")
	}
	size := t.DType.Size()
	buf := make([]byte, min(len(dst), convertChunk)*size)
	for len(dst) > 0 {
		n := min(len(dst), convertChunk)
		p := buf[:n*size]
		if err := f.ReadBytes(ctx, t, p, int64(first)*int64(size)); err != nil {
			return err
		}
		if bad := t.DType.toF32(dst[:n], p); bad >= 0 {
			return fault.New(fault.NaN, t.Blob, t.Field(), "element %d is %v", first+bad, dst[bad]).
				WithRemedy("the weights are broken: fetch the model again or train it anew")
		}
		dst, first = dst[n:], first+n
	}
	return nil
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
