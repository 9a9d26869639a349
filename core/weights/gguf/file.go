// Package gguf reads and writes GGUF files: metadata, tensor positions, and quantized blocks as
// float32. It reads versions 2 and 3 and writes version 3. Packages core/weights and core/tokenizer
// interpret the names in a file.
//
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Opening a file reads only its
// header.
package gguf

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/sorted"
)

// Limits on a header. They are well above the largest vocabularies in use (250,000 tokens, 500,000
// merges).
const (
	maxHeader       = 128 << 20 // bytes before the tensors
	maxMetadata     = 65536     // entries
	maxKey          = 65535     // bytes, the format's limit
	maxString       = 4 << 20   // bytes of one string: chat templates, licences
	maxArray        = 4 << 20   // elements of one array
	maxElements     = 8 << 20   // elements of all arrays
	maxDepth        = 2         // arrays in arrays
	maxTensors      = 100_000
	maxName         = 256 // bytes of a tensor's name; ggml's limit is 64
	maxRank         = 4   // ggml's limit
	maxAlignment    = 1 << 20
	maxValues       = 1 << 46 // of one tensor: far above any model; the size in bytes cannot overflow
	alignmentKey    = "general.alignment"
	plainAlignment  = 32
	magic           = "GGUF"
	downloadAgain   = "the file is truncated or altered: download it again"
	minMetadataSize = 8 + 4 + 1
	minTensorSize   = 8 + 4 + 4 + 8
)

// File is the header of a GGUF file.
type File struct {
	Name     string // the blob
	Version  int
	Metadata map[string]Value
	Tensors  []Tensor // in the order of their data

	spans []span // of the metadata, in the file's order
}

// span is the byte range of a metadata entry's value, including its kind.
type span struct {
	key        string
	begin, end int64
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int // outermost first, as in PyTorch (the file has the reverse)
	Begin int64 // absolute offset of its first byte
	End   int64 // absolute offset after its last byte
}

// Field is the tensor's name in error messages.
func (t Tensor) Field() string { return "tensor " + fault.Quote(t.Name) }

// Field is a metadata key's name in error messages.
func Field(key string) string { return "metadata " + fault.Quote(key) }

// Open reads and checks the complete header. Every Tensor of the result is valid.
func Open(ctx context.Context, store blob.Store, name string) (*File, error) {
	size, err := store.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	c := &cursor{ctx: ctx, store: store, name: name, size: size, field: "header"}
	f := &File{Name: name, Metadata: map[string]Value{}}
	tensors := f.readStart(c)
	if c.err == nil {
		f.readMetadata(c)
	}
	if c.err == nil {
		f.readTensors(c, tensors)
	}
	if c.err == nil {
		f.placeTensors(c)
	}
	if c.err != nil {
		return nil, c.err
	}
	return f, nil
}

// readStart reads the magic, the version and the number of tensors.
func (f *File) readStart(c *cursor) (tensors int) {
	if m := c.take(4); c.err == nil && m != magic {
		c.fail(fault.Malformed, "starts with %q instead of %q", m, magic).WithRemedy("use a GGUF file")
	}
	version := c.u32()
	switch {
	case c.err != nil:
	case version&0xffff == 0: // a version in the other byte order
		c.fail(fault.Unsupported, "the file is big-endian").WithRemedy("use a little-endian file")
	case version < 2 || version > 3:
		c.fail(fault.Unsupported, "the file has version %d", version).WithLimit("versions 2 and 3").
			WithRemedy("convert the model with a current llama.cpp")
	}
	f.Version = int(version)
	return c.count("tensors", minTensorSize, maxTensors)
}

func (f *File) readMetadata(c *cursor) {
	r := &values{cursor: c}
	n := c.count("metadata entries", minMetadataSize, maxMetadata)
	for i := 0; i < n && c.err == nil; i++ {
		c.field = fmt.Sprintf("metadata[%d]", i)
		key := c.text("the key", maxKey)
		if c.err != nil {
			return
		}
		if !utf8.ValidString(key) || key == "" {
			c.fail(fault.Malformed, "has the key %s", fault.Quote(key)).WithRemedy(downloadAgain)
			return
		}
		c.field = Field(key)
		if _, twice := f.Metadata[key]; twice {
			c.fail(fault.Malformed, "appears twice").WithRemedy(downloadAgain)
			return
		}
		begin := c.at
		f.Metadata[key] = r.value(Kind(c.u32()), 0)
		f.spans = append(f.spans, span{key, begin, c.at})
	}
}

func (f *File) readTensors(c *cursor, n int) {
	seen := make(map[string]bool, n)
	f.Tensors = make([]Tensor, 0, n)
	for i := 0; i < n && c.err == nil; i++ {
		c.field = fmt.Sprintf("tensors[%d]", i)
		t := Tensor{Name: c.text("the name", maxName)}
		if c.err != nil {
			return
		}
		c.field = t.Field()
		if t.Name == "" || !utf8.ValidString(t.Name) || seen[t.Name] {
			c.fail(fault.Malformed, "is an empty or repeated name").WithRemedy(downloadAgain)
			return
		}
		seen[t.Name] = true
		t.readLayout(c)
		f.Tensors = append(f.Tensors, t)
	}
}

// readLayout reads shape, type and offset. Begin and End remain relative to the data.
func (t *Tensor) readLayout(c *cursor) {
	rank := c.u32()
	if rank < 1 || rank > maxRank {
		c.fail(fault.OutOfRange, "has %d dimensions", rank).WithLimit("1 to %d", maxRank).WithRemedy(downloadAgain)
		return
	}
	values, row := uint64(1), uint64(0)
	for i := range rank {
		d := c.u64()
		if c.err != nil {
			return
		}
		if i == 0 {
			row = d
		}
		if d == 0 || d > maxValues || values > maxValues/d {
			c.fail(fault.TooLarge, "has a dimension of %d after %d values", d, values).WithLimit("1 to 2^46 values").
				WithRemedy(downloadAgain)
			return
		}
		values *= d
		t.Shape = append(t.Shape, int(d))
	}
	slices.Reverse(t.Shape)
	id := c.u32()
	offset := c.u64()
	if c.err != nil {
		return
	}
	var known bool
	if t.Type, known = typeOf(id); !known {
		c.fail(fault.Unsupported, "has the type %s", t.Type).WithRemedy("use a file in one of %v", Types)
		return
	}
	elements, bytes := t.Type.Block()
	if row%uint64(elements) != 0 {
		c.fail(fault.Malformed, "has rows of %d values, but %s has blocks of %d", row, t.Type, elements).
			WithRemedy(downloadAgain)
		return
	}
	if offset > uint64(c.size) {
		c.fail(fault.Malformed, "starts at byte %d of the data, but the file has %d bytes", offset, c.size).
			WithRemedy(downloadAgain)
		return
	}
	t.Begin = int64(offset)
	t.End = t.Begin + int64(values)/int64(elements)*int64(bytes)
}

// placeTensors makes the offsets absolute. It checks that the tensors are inside the file, aligned
// and without overlap.
func (f *File) placeTensors(c *cursor) {
	alignment := int64(plainAlignment)
	if v, ok := f.Metadata[alignmentKey]; ok {
		n, isInt := v.Int()
		c.field = Field(alignmentKey)
		if !isInt || n < 1 || n > maxAlignment || n&(n-1) != 0 {
			c.fail(fault.OutOfRange, "is %v, which is not a power of two", v.data).WithLimit("1 to %d", maxAlignment).
				WithRemedy(downloadAgain)
			return
		}
		alignment = n
	}
	start := (c.at + alignment - 1) / alignment * alignment
	sorted.By(f.Tensors, func(a, b *Tensor) int { return cmp.Compare(a.Begin, b.Begin) })
	at := start
	for i := range f.Tensors {
		t := &f.Tensors[i]
		c.field = t.Field()
		if t.Begin%alignment != 0 {
			c.fail(fault.Malformed, "starts at byte %d of the data, which is not aligned", t.Begin).
				WithLimit("multiples of %d", alignment).WithRemedy(downloadAgain)
			return
		}
		t.Begin += start
		t.End += start
		switch {
		case t.Begin < at:
			c.fail(fault.Malformed, "overlaps the previous tensor by %d bytes", at-t.Begin).WithRemedy(downloadAgain)
			return
		case t.End > c.size:
			c.fail(fault.Malformed, "ends at byte %d, but the file has %d bytes", t.End, c.size).
				WithRemedy("the file is truncated: download it again")
			return
		}
		at = t.End
	}
}
