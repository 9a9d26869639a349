package weights

import (
	"cmp"
	"fmt"
	"slices"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// Limits on a safetensors header. The first is the reference implementation's own.
const (
	maxHeader     = 100_000_000
	maxTensors    = 100_000
	maxRank       = 16
	maxTensorName = 1024
	maxElements   = 1 << 46 // far over any model, far under what could overflow as bytes
)

const fetchAgain = "the file is truncated or altered: fetch it again"

// Info is one tensor of a file: where its little-endian, row-major bytes lie.
type Info struct {
	Name  string
	DType DType
	Shape []int  // empty for a scalar
	Blob  string // the blob that holds it; shards differ
	Begin int64  // absolute offset of its first byte in Blob
	End   int64  // absolute offset after its last byte
	// PairedRows is the rows of one attention head where llama.cpp has put the two that rotate together next to each other:
	// row 2i+j of a head is stored for row j·PairedRows/2+i. ReadF32 undoes it; 0 means rows as they are.
	PairedRows int
}

// Elements is the product of the shape.
func (t Info) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Field names the tensor in a message.
func (t Info) Field() string { return "tensor " + fault.Quote(t.Name) }

// parseHeader reads the JSON header of a file whose data starts at byte start and has size bytes. It accepts what the
// reference accepts: tensors that tile the data exactly, in any order of names, without overlap or hole.
func parseHeader(blobName string, header []byte, start, size int64) (tensors []Info, metadata map[string]string, err error) {
	malformed := func(field, format string, args ...any) *fault.Error {
		return fault.New(fault.Malformed, blobName, field, format, args...).WithRemedy(fetchAgain)
	}
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, malformed("header", "does not start with an opening brace")
	}
	r := jsonx.NewReader(header)
	seen := map[string]bool{}
	err = r.Object(func(name string) error {
		if seen[name] {
			return malformed("header", "names %s twice", fault.Quote(name))
		}
		seen[name] = true
		if name == "__metadata__" {
			metadata, err = readMetadata(r)
			return err
		}
		if len(tensors) == maxTensors {
			return fault.New(fault.TooLarge, blobName, "header", "too many tensors").WithLimit("%d", maxTensors)
		}
		if len(name) > maxTensorName {
			return fault.New(fault.TooLarge, blobName, "header", "tensor name %s", fault.Quote(name)).
				WithLimit("%d bytes", maxTensorName)
		}
		t, err := readInfo(r, blobName, name, size-start)
		if err != nil {
			return err
		}
		t.Begin += start
		t.End += start
		tensors = append(tensors, t)
		return nil
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		if fault.KindOf(err) == "" {
			err = malformed("header", "is not the JSON of a safetensors file").WithCause(err)
		}
		return nil, nil, err
	}
	slices.SortStableFunc(tensors, func(a, b Info) int {
		// Empty tensors come before the one that starts at the same byte.
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End))
	})
	at := start
	for _, t := range tensors {
		switch {
		case t.Begin < at:
			return nil, nil, malformed(t.Field(), "overlaps the tensor before it by %d bytes", at-t.Begin)
		case t.Begin > at:
			return nil, nil, malformed(t.Field(), "leaves a hole of %d bytes before it", t.Begin-at)
		}
		at = t.End
	}
	if at != size {
		return nil, nil, malformed("header", "describes %d data bytes, the file has %d", at-start, size-start)
	}
	return tensors, metadata, nil
}

func readMetadata(r *jsonx.Reader) (map[string]string, error) {
	m := map[string]string{}
	err := r.Object(func(k string) error {
		v, err := r.String()
		m[k] = v
		return err
	})
	return m, err
}

// readInfo reads {"dtype", "shape", "data_offsets"} and checks that the three agree and lie inside data bytes. Offsets in
// the result are still relative to the data.
func readInfo(r *jsonx.Reader, blobName, name string, data int64) (Info, error) {
	t := Info{Name: name, Blob: blobName}
	var dims []int64
	var offsets []int64
	have := map[string]bool{}
	ints := func(dst *[]int64, limit int) error {
		return r.Array(func(i int) error {
			if i == limit {
				return fault.New(fault.Malformed, blobName, t.Field(), "has a list of more than %d numbers", limit)
			}
			n, err := r.Int()
			if err == nil && n < 0 {
				err = fault.New(fault.OutOfRange, blobName, t.Field(), "has the negative number %d", n).WithRemedy(fetchAgain)
			}
			*dst = append(*dst, n)
			return err
		})
	}
	err := r.Object(func(k string) error {
		if have[k] {
			return fault.New(fault.Malformed, blobName, t.Field(), "gives %s twice", fault.Quote(k)).WithRemedy(fetchAgain)
		}
		have[k] = true
		switch k {
		case "dtype":
			s, err := r.String()
			t.DType = DType(s)
			return err
		case "shape":
			return ints(&dims, maxRank)
		case "data_offsets":
			return ints(&offsets, 2)
		}
		return r.Skip()
	})
	if err != nil {
		return t, err
	}
	for _, k := range []string{"dtype", "shape", "data_offsets"} {
		if !have[k] {
			return t, fault.New(fault.Malformed, blobName, t.Field(), "has no %s", k).WithRemedy(fetchAgain)
		}
	}
	if t.DType.Size() == 0 {
		return t, fault.New(fault.Unsupported, blobName, t.Field(), "has the element type %s", fault.Quote(string(t.DType))).
			WithRemedy("convert the model to F32, F16 or BF16")
	}
	elements, err := shapeProduct(dims)
	if err != nil {
		return t, fault.New(fault.TooLarge, blobName, t.Field(), "has shape %v", dims).WithCause(err).WithRemedy(fetchAgain)
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return t, fault.New(fault.Malformed, blobName, t.Field(), "data_offsets are %v", offsets).WithRemedy(fetchAgain)
	}
	t.Begin, t.End = offsets[0], offsets[1]
	if t.End > data {
		return t, fault.New(fault.Malformed, blobName, t.Field(), "data_offsets end %d is past the file's %d data bytes", t.End, data).
			WithRemedy("the file is truncated: fetch it again")
	}
	if want := elements * int64(t.DType.Size()); t.End-t.Begin != want {
		return t, fault.New(fault.Malformed, blobName, t.Field(), "%s%v needs %d bytes, data_offsets give it %d",
			t.DType, dims, want, t.End-t.Begin).WithRemedy(fetchAgain)
	}
	t.Shape = make([]int, len(dims))
	for i, d := range dims {
		t.Shape[i] = int(d)
	}
	return t, nil
}

func shapeProduct(dims []int64) (int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d > maxElements || d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("more than 2^46 elements")
		}
		n *= d
	}
	return n, nil
}
