package weights

import (
	"cmp"
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
	"nextquill/core/internal/sorted"
)

// Limits on a safetensors header. maxHeader is the limit of the reference implementation.
const (
	maxHeader     = 100_000_000
	maxTensors    = 100_000
	maxRank       = 16
	maxTensorName = 1024
	maxElements   = 1 << 46 // far above any model; the size in bytes cannot overflow
)

const downloadAgain = "the file is truncated or altered: download it again"

// Info describes one tensor of a file and where its little-endian, row-major data lies.
type Info struct {
	Name  string
	DType DType
	Shape []int  // empty for a scalar
	Blob  string // the blob with the data; differs between shards
	Begin int64  // absolute offset of its first byte in Blob
	End   int64  // absolute offset after its last byte
	// PairedRows is the number of rows of an attention head if llama.cpp has interleaved its two
	// halves, else 0. Row 2i+j of a head then holds row j·PairedRows/2+i of the original. ReadF32
	// restores the order.
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

// Field is the tensor's name in error messages.
func (t Info) Field() string { return "tensor " + fault.Quote(t.Name) }

// parseHeader reads the JSON header of a safetensors file. start is the offset of the data and size
// the size of the file, both in bytes. Like the reference implementation it requires that the
// tensors cover the data exactly, in any order of names, without overlaps or gaps.
func parseHeader(blobName string, header []byte, start, size int64) (tensors []Info, metadata map[string]string,
	err error) {
	malformed := func(field, format string, args ...any) *fault.Error {
		return fault.New(fault.Malformed, blobName, field, format, args...).WithRemedy(downloadAgain)
	}
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, malformed("header", "does not start with an opening brace")
	}
	r := jsonx.NewReader(header)
	seen := map[string]bool{}
	err = r.Object(func(name string) error {
		if seen[name] {
			return malformed("header", "names %s more than once", fault.Quote(name))
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
	// Empty tensors go before a tensor with the same start.
	sorted.By(tensors, func(a, b *Info) int { return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End)) })
	at := start
	for _, t := range tensors {
		switch {
		case t.Begin < at:
			return nil, nil, malformed(t.Field(), "overlaps the previous tensor by %d bytes", at-t.Begin)
		case t.Begin > at:
			return nil, nil, malformed(t.Field(), "leaves a gap of %d bytes before it", t.Begin-at)
		}
		at = t.End
	}
	if at != size {
		return nil, nil, malformed("header", "describes %d data bytes, but the file has %d", at-start, size-start)
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

// readInfo reads {"dtype", "shape", "data_offsets"} and checks that the three agree and lie inside
// data bytes. The offsets in the result are relative to the data.
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
				err = fault.New(fault.OutOfRange, blobName, t.Field(), "has the negative number %d", n).
					WithRemedy(downloadAgain)
			}
			*dst = append(*dst, n)
			return err
		})
	}
	err := r.Object(func(k string) error {
		if have[k] {
			return fault.New(fault.Malformed, blobName, t.Field(), "has %s twice", fault.Quote(k)).
				WithRemedy(downloadAgain)
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
			return t, fault.New(fault.Malformed, blobName, t.Field(), "has no %s", k).WithRemedy(downloadAgain)
		}
	}
	if t.DType.Size() == 0 {
		return t, fault.New(fault.Unsupported, blobName, t.Field(), "has the element type %s",
			fault.Quote(string(t.DType))).WithRemedy("convert the model to F32, F16 or BF16")
	}
	elements, err := shapeProduct(dims)
	if err != nil {
		return t, fault.New(fault.TooLarge, blobName, t.Field(), "has shape %v", dims).WithCause(err).
			WithRemedy(downloadAgain)
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return t, fault.New(fault.Malformed, blobName, t.Field(), "data_offsets are %v", offsets).
			WithRemedy(downloadAgain)
	}
	t.Begin, t.End = offsets[0], offsets[1]
	if t.End > data {
		return t, fault.New(fault.Malformed, blobName, t.Field(),
			"data_offsets ends at %d, but the file has %d data bytes", t.End, data).
			WithRemedy("the file is truncated: download it again")
	}
	if want := elements * int64(t.DType.Size()); t.End-t.Begin != want {
		return t, fault.New(fault.Malformed, blobName, t.Field(), "%s%v needs %d bytes, but data_offsets gives it %d",
			t.DType, dims, want, t.End-t.Begin).WithRemedy(downloadAgain)
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
