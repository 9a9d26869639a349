package weights

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/internal/sorted"
)

// Tensor is one tensor to write: row-major float32.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Encode returns a safetensors file of F32 tensors, sorted by name, with a header padded to 8
// bytes: the same bytes as the reference implementation writes. It panics if a shape disagrees with
// its data or if a name appears twice.
func Encode(tensors []Tensor, metadata map[string]string) []byte {
	tensors = slices.Clone(tensors)
	sorted.By(tensors, func(a, b *Tensor) int { return cmp.Compare(a.Name, b.Name) })
	var header bytes.Buffer
	header.WriteByte('{')
	if len(metadata) > 0 {
		header.WriteString(`"__metadata__":`)
		header.Write(marshal(metadata))
	}
	at := 0
	for i, t := range tensors {
		if i > 0 && tensors[i-1].Name == t.Name {
			panic("weights: tensor " + t.Name + " given twice")
		}
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != len(t.Data) {
			panic(fmt.Sprintf("weights: tensor %s of shape %v has %d elements", t.Name, t.Shape, len(t.Data)))
		}
		if header.Len() > 1 {
			header.WriteByte(',')
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		fmt.Fprintf(&header, `%s:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`,
			marshal(t.Name), marshal(shape), at, at+4*n)
		at += 4 * n
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	out := make([]byte, 0, 8+header.Len()+at)
	out = binary.LittleEndian.AppendUint64(out, uint64(header.Len()))
	out = append(out, header.Bytes()...)
	for _, t := range tensors {
		for _, v := range t.Data {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

// Write encodes tensors and stores them as one blob.
func Write(ctx context.Context, store blob.Store, name string, tensors []Tensor, metadata map[string]string) error {
	return store.Write(ctx, name, Encode(tensors, metadata))
}

// marshal is json.Marshal without HTML escaping, for values that cannot fail.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
