package weights

import (
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// convertChunk is the number of elements converted at a time. It is large enough to amortise a read
// and keeps memory use far below the size of the model.
const convertChunk = 1 << 18

// unit is the smallest number of elements that can be converted separately: one block, or one head
// when its rows are reordered.
func (t Info) unit() int {
	if t.PairedRows == 0 {
		elements, _ := t.DType.Block()
		return elements
	}
	unit := t.PairedRows
	for _, d := range t.Shape[1:] {
		unit *= d
	}
	return unit
}

// ReadF32At fills dst with a tensor's elements from index first on, in row-major order. It converts
// F16, BF16 and the GGUF block types. A value that is not finite gives a fault.NaN that names the
// element.
func (f *File) ReadF32At(ctx context.Context, t Info, dst []float32, first int) error {
	elements, bytes := t.DType.Block()
	if elements == 0 {
		return fault.New(fault.Unsupported, t.Blob, t.Field(), "has the element type %s", t.DType).
			WithRemedy("convert the model to F32, F16 or BF16")
	}
	unit := t.unit()
	chunk := max(1, convertChunk/unit) * unit
	for len(dst) > 0 {
		begin := first / unit * unit
		end := (min(first+len(dst), begin+chunk) + unit - 1) / unit * unit
		packed := make([]byte, (end-begin)/elements*bytes)
		if err := f.ReadBytes(ctx, t, packed, int64(begin/elements)*int64(bytes)); err != nil {
			return err
		}
		values := make([]float32, end-begin)
		gguf.Dequantise(gguf.Type(t.DType), values, packed)
		if t.PairedRows > 0 {
			values = unpairRows(values, unit, t.PairedRows)
		}
		n := copy(dst, values[first-begin:])
		if bad := notFinite(dst[:n]); bad >= 0 {
			return fault.New(fault.NaN, t.Blob, t.Field(), "element %d is %v", first+bad, dst[bad]).
				WithRemedy("the weights are damaged: download the model again or train it again")
		}
		dst, first = dst[n:], first+n
	}
	return nil
}

// unpairRows restores the row order within each head: see Info.PairedRows.
func unpairRows(stored []float32, head, rows int) []float32 {
	out := make([]float32, len(stored))
	width := head / rows
	for h := 0; h < len(out); h += head {
		for r := range rows {
			from := 2*(r%(rows/2)) + r/(rows/2)
			copy(out[h+r*width:][:width], stored[h+from*width:])
		}
	}
	return out
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(values []float32) int {
	for i, v := range values {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}
