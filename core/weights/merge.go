package weights

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/sorted"
	"nextquill/core/weights/gguf"
)

// mergeChunk is the number of values merged and written, or compared, at a time. It bounds memory
// use independently of the model's size.
const mergeChunk = 1 << 18

// Merge writes the base model's tensors to w as one safetensors file, with the adapter's updates
// added: W + scaling·B·A, like PEFT's merge_and_unload, but summed in float32 and rounded once.
// dtype is F32, F16 or BF16; "" keeps the type of each tensor and unpacks GGUF blocks to F16.
// progress receives the bytes written so far and the total; it may be nil.
func Merge(ctx context.Context, base Source, a *Adapter, dtype DType, w io.Writer,
	progress func(done, total int64)) error {
	if err := CheckAdapter(base.Config, a); err != nil {
		return err
	}
	if dtype != "" && !slices.Contains([]DType{F32, F16, BF16}, dtype) {
		return fault.New(fault.Unsupported, "merge", "dtype", "%s", fault.Quote(string(dtype))).
			WithRemedy("use F32, F16 or BF16")
	}
	var tensors []mergedTensor
	for _, s := range LlamaTensors(base.Config) {
		info, ok := base.Tensor(s.Name)
		if !ok {
			return fault.New(fault.Missing, base.Name(), "tensor "+fault.Quote(s.Name), "is missing").
				WithRemedy(downloadAgain)
		}
		path := strings.TrimSuffix(s.Name, ".weight")
		m := mergedTensor{Info: info, scaling: float32(a.Scaling(path)), to: dtype}
		m.pair, m.changed = a.Pairs[path]
		if m.to == "" {
			m.to = keptType(info.DType)
		}
		tensors = append(tensors, m)
	}
	sorted.By(tensors, func(a, b *mergedTensor) int { return cmp.Compare(a.Name, b.Name) })
	header, total := mergedHeader(tensors)
	if _, err := w.Write(header); err != nil {
		return err
	}
	done := int64(0)
	for _, t := range tensors {
		err := t.write(ctx, base.File, w, func(n int) {
			done += int64(n)
			if progress != nil {
				progress(done, total)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keptType returns the output type of a tensor when none is requested: its own, or F16 if it is
// packed in blocks.
func keptType(d DType) DType {
	if d.Size() > 0 {
		return d
	}
	return F16
}

// mergedTensor is one tensor to merge and write.
type mergedTensor struct {
	Info
	to      DType
	pair    Pair
	changed bool
	scaling float32
}

// mergedHeader returns the file's bytes before the first tensor, and the total size of the tensor
// data.
func mergedHeader(tensors []mergedTensor) (header []byte, total int64) {
	var b bytes.Buffer
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	for _, t := range tensors {
		size := int64(t.Elements()) * int64(t.to.Size())
		fmt.Fprintf(&b, `,%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, marshal(t.Name), t.to, marshal(t.Shape),
			total, total+size)
		total += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...), total
}

// write merges complete rows, chunk by chunk.
func (t mergedTensor) write(ctx context.Context, base *File, w io.Writer, wrote func(int)) error {
	width := 1
	for _, d := range t.Shape[1:] {
		width *= d
	}
	rows := t.Elements() / width
	step := max(1, mergeChunk/width)
	if heads := t.PairedRows; heads > 0 { // complete heads, because reading one row of a head reads all of it
		step = max(heads, step/heads*heads)
	}
	values := make([]float32, min(step, rows)*width)
	packed := make([]byte, len(values)*t.to.Size())
	for row := 0; row < rows; row += step {
		if err := blob.Cancelled(ctx); err != nil {
			return err
		}
		part := values[:min(step, rows-row)*width]
		if err := base.ReadF32At(ctx, t.Info, part, row*width); err != nil {
			return err
		}
		if t.changed {
			t.add(part, row)
		}
		out := packed[:len(part)*t.to.Size()]
		gguf.Quantise(gguf.Type(t.to), out, part)
		if err := t.checkRange(part, out, row*width); err != nil {
			return err
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		wrote(len(out))
	}
	return nil
}

// add adds the update to rows, which start at row first.
func (t mergedTensor) add(rows []float32, first int) {
	p, rank := t.pair, t.pair.Rank()
	update := make([]float32, p.In)
	for i := 0; i*p.In < len(rows); i++ {
		clear(update)
		for k, b := range p.B[(first+i)*rank:][:rank] {
			b *= t.scaling
			for j, a := range p.A[k*p.In:][:p.In] {
				update[j] += b * a
			}
		}
		row := rows[i*p.In:][:p.In]
		for j, u := range update {
			row[j] += u
		}
	}
}

// checkRange rejects a sum that the output type cannot represent: rounded to F16 it would be
// infinite.
func (t mergedTensor) checkRange(values []float32, packed []byte, first int) error {
	back := values
	if t.to != F32 {
		back = make([]float32, len(values))
		gguf.Dequantise(gguf.Type(t.to), back, packed)
	}
	if i := notFinite(back); i >= 0 {
		return fault.New(fault.OutOfRange, t.Blob, t.Field(), "element %d becomes %v, which %s cannot hold", first+i,
			values[i], t.to).
			WithRemedy("merge into bf16 or f32")
	}
	return nil
}
