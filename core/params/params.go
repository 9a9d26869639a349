// Package params keeps trainable tensors, or the tensors of a frozen adapter, in flat buffers on
// the device.
package params

import (
	"context"
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/weights"
)

// Packed holds trainable tensors, or the tensors of a frozen adapter, in flat buffers. Clipping and
// AdamW therefore need one dispatch per segment instead of one per tensor, and a checkpoint is a
// few copies.
//
// Every tensor starts at a multiple of gpu.OffsetAlign. The gaps stay zero: their gradient is zero.
type Packed struct {
	g        *gpu.Context
	Entries  []Entry
	Segments []Segment
}

// Entry is one tensor of shape [Rows, Columns], as stored on the device.
type Entry struct {
	Name    string // HF name, or PEFT key of a LoRA factor
	Rows    int
	Columns int
	Segment int
	Offset  int // bytes into the segment's buffers

	Value, Grad *gpu.Tensor
}

// Segment is one set of flat buffers of Count float32 values.
type Segment struct {
	Count                      int
	Value, Grad, Mean, Var     gpu.Buffer
	ValueT, GradT, MeanT, VarT *gpu.Tensor
}

// New allocates tensors of these names and shapes. Their order is that of checkpoints. Without
// train they have values only: no gradients and no moments. The error is a fault of kind
// DeviceLimit when the device cannot hold a tensor.
func New(g *gpu.Context, entries []Entry, train bool) (*Packed, error) {
	p := &Packed{g: g, Entries: entries}
	// Sizes of segments are rounded up, so the limit is rounded down.
	limit := int(g.Info().LargestTensor()) &^ (gpu.OffsetAlign - 1)
	used := 0
	var sizes []int
	for i := range p.Entries {
		e := &p.Entries[i]
		bytes := 4 * e.Rows * e.Columns
		if bytes > limit {
			return nil, fault.New(fault.DeviceLimit, g.Info().Name, e.Name, "needs a binding of %d bytes", bytes).
				WithLimit("%d", limit).WithRemedy("use a smaller model or another device")
		}
		if len(sizes) == 0 || used+bytes > limit {
			sizes = append(sizes, 0)
			used = 0
		}
		e.Segment, e.Offset = len(sizes)-1, used
		used = int(gpu.Align(int64(used + bytes)))
		sizes[e.Segment] = used
	}
	for i, size := range sizes {
		name := func(what string) string { return fmt.Sprintf("params%d.%s", i, what) }
		s := Segment{Count: size / 4}
		flat := func(what string) (gpu.Buffer, *gpu.Tensor) {
			b := g.NewBuffer(name(what), int64(size), gpu.Storage)
			return b, gpu.Persistent(name(what), b, 0, int64(size))
		}
		s.Value, s.ValueT = flat("value")
		if train {
			s.Grad, s.GradT = flat("grad")
			s.Mean, s.MeanT = flat("mean")
			s.Var, s.VarT = flat("var")
		}
		p.Segments = append(p.Segments, s)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		s := p.Segments[e.Segment]
		bytes := int64(4 * e.Rows * e.Columns)
		e.Value = gpu.Persistent(e.Name, s.Value, int64(e.Offset), bytes)
		if train {
			e.Grad = gpu.Persistent(e.Name+".grad", s.Grad, int64(e.Offset), bytes)
		}
	}
	return p, nil
}

// Count is the number of values, without gaps.
func (p *Packed) Count() int {
	n := 0
	for _, e := range p.Entries {
		n += e.Rows * e.Columns
	}
	return n
}

// Counts are the numbers of values of the segments, with gaps.
func (p *Packed) Counts() []int {
	var out []int
	for _, s := range p.Segments {
		out = append(out, s.Count)
	}
	return out
}

// Set writes the value of entry i.
func (p *Packed) Set(i int, value []float32) {
	e := p.Entries[i]
	if len(value) != e.Rows*e.Columns {
		panic(fmt.Sprintf("params: %s takes %d values, got %d", e.Name, e.Rows*e.Columns, len(value)))
	}
	p.g.WriteF32(p.Segments[e.Segment].Value, int64(e.Offset), value)
}

// ResetOptimizer zeroes the gradients and AdamW's moments.
func (p *Packed) ResetOptimizer() {
	for _, s := range p.Segments {
		size := int64(4 * s.Count)
		p.g.Clear(s.Grad, 0, size)
		p.g.Clear(s.Mean, 0, size)
		p.g.Clear(s.Var, 0, size)
	}
}

// ReadValues returns all values, by entry.
func (p *Packed) ReadValues(ctx context.Context) ([][]float32, error) {
	return p.readAll(ctx, func(s Segment) gpu.Buffer { return s.Value })
}

// ReadGrads returns all gradients, by entry.
func (p *Packed) ReadGrads(ctx context.Context) ([][]float32, error) {
	return p.readAll(ctx, func(s Segment) gpu.Buffer { return s.Grad })
}

func (p *Packed) readAll(ctx context.Context, which func(Segment) gpu.Buffer) ([][]float32, error) {
	flat := make([][]float32, len(p.Segments))
	for i, s := range p.Segments {
		v, err := p.g.ReadF32(ctx, which(s), 0, s.Count)
		if err != nil {
			return nil, err
		}
		flat[i] = v
	}
	out := make([][]float32, len(p.Entries))
	for i, e := range p.Entries {
		out[i] = flat[e.Segment][e.Offset/4:][:e.Rows*e.Columns]
	}
	return out, nil
}

// State is the part of a segment that a checkpoint keeps: values and AdamW's first and second
// moments, each as the bytes of float32s in little-endian order. They can be tens of megabytes,
// and no code computes with them, so they are not decoded.
type State struct {
	Value, Mean, Var []byte
}

// ReadState reads the state of every segment from the device into the slices of into, which have
// the segment's size. A slice that is nil is not read.
func (p *Packed) ReadState(ctx context.Context, into []State) error {
	for i, s := range p.Segments {
		for _, part := range []struct {
			b   gpu.Buffer
			dst []byte
		}{{s.Value, into[i].Value}, {s.Mean, into[i].Mean}, {s.Var, into[i].Var}} {
			if part.dst == nil {
				continue
			}
			if err := p.g.Read(ctx, part.b, 0, part.dst); err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteState queues a write of complete states, with all three slices of every segment. The
// device's context keeps the slices until its next Flush.
func (p *Packed) WriteState(states []State) error {
	if len(states) != len(p.Segments) {
		return fault.New(fault.Mismatch, "checkpoint", "segments", "%d, the model has %d", len(states), len(p.Segments))
	}
	for i, s := range p.Segments {
		st := states[i]
		if size := 4 * s.Count; len(st.Value) != size || len(st.Mean) != size || len(st.Var) != size {
			return fault.New(fault.Mismatch, "checkpoint", fmt.Sprintf("segment %d", i),
				"%d values, the model has %d", len(st.Value)/4, s.Count)
		}
		p.g.Write(s.Value, 0, st.Value)
		p.g.Write(s.Mean, 0, st.Mean)
		p.g.Write(s.Var, 0, st.Var)
	}
	return nil
}

// TrainingBytes is the memory of gradients and moments.
func (p *Packed) TrainingBytes() (bytes int64) {
	for _, s := range p.Segments {
		if s.Grad != 0 {
			bytes += 3 * 4 * int64(s.Count)
		}
	}
	return bytes
}

// Named adds names and shapes to values by entry.
func (p *Packed) Named(values [][]float32) []weights.Tensor {
	var out []weights.Tensor
	for i, e := range p.Entries {
		shape := []int{e.Rows, e.Columns}
		if e.Columns == 1 {
			shape = []int{e.Rows}
		}
		out = append(out, weights.Tensor{Name: e.Name, Shape: shape, Data: values[i]})
	}
	return out
}

// Free destroys the buffers.
func (p *Packed) Free() {
	for _, s := range p.Segments {
		for _, b := range []gpu.Buffer{s.Value, s.Grad, s.Mean, s.Var} {
			if b != 0 {
				p.g.Free(b)
			}
		}
	}
	p.Segments, p.Entries = nil, nil
}
