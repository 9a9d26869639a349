package model

import (
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// loader is the memory that loading needs on the device in addition to the weights.
type loader struct {
	m                           *Model
	raw, stage, partials, norms gpu.Buffer
	rawBytes, stageBytes        int64
	partialsBytes, normsBytes   int64
}

// normBytes is the size of the slot for a piece's norm.
const normBytes = gpu.OffsetAlign

// newLoader returns the sizes of a loader for these pieces; it allocates nothing.
func newLoader(pieces []piece) *loader {
	l := &loader{normsBytes: int64(normBytes * len(pieces))}
	for _, p := range pieces {
		if !p.direct() {
			l.rawBytes = max(l.rawBytes, int64(p.rawBytes))
		}
		if p.format != kernels.F32 && !p.repacked() {
			l.stageBytes = max(l.stageBytes, int64(4*p.size))
		}
		if !p.repacked() {
			l.partialsBytes = max(l.partialsBytes, int64(4*kernels.GradNormParts(p.size)))
		}
	}
	return l
}

// loadingBytes is the memory of a loader for these pieces.
func loadingBytes(pieces []piece) int64 {
	l := newLoader(pieces)
	return l.rawBytes + l.stageBytes + l.partialsBytes + l.normsBytes
}

// allocate creates the buffers of a loader. free destroys them.
func (l *loader) allocate(m *Model) (free func()) {
	l.m = m
	l.raw = m.g.NewBuffer("raw weights", l.rawBytes, gpu.Storage)
	l.stage = m.g.NewBuffer("unpacked weights", l.stageBytes, gpu.Storage)
	l.partials = m.g.NewBuffer("partial norms", l.partialsBytes, gpu.Storage)
	l.norms = m.g.NewBuffer("norms of weights", l.normsBytes, gpu.Storage)
	return func() {
		for _, b := range []gpu.Buffer{l.raw, l.stage, l.partials, l.norms} {
			m.g.Free(b)
		}
	}
}

// requestLoading asks the device for the kernels of upload, so that they compile before others. It
// keeps no memory.
func (m *Model) requestLoading(pieces []piece) error {
	l := newLoader(pieces)
	defer l.allocate(m)()
	for i, p := range pieces {
		plan := l.plan(p, i)
		err := plan.Compile()
		plan.Free()
		if err != nil {
			return err
		}
	}
	return nil
}

// upload loads pieces from storage to the device. Each is read by its range of the file and then
// converted by kernels: copied, repacked, or unpacked to f32 and quantized.
func (m *Model) upload(ctx context.Context, pieces []piece) error {
	l := newLoader(pieces)
	defer l.allocate(m)()
	for i, p := range pieces {
		if err := l.load(ctx, p, i); err != nil {
			return err
		}
	}
	return l.check(ctx, pieces)
}

// load reads one piece, converts it and computes its norm.
func (l *loader) load(ctx context.Context, p piece, slot int) error {
	if err := l.read(ctx, p); err != nil {
		return err
	}
	plan := l.plan(p, slot)
	defer plan.Free()
	if err := plan.Compile(); err != nil {
		return err
	}
	return plan.Run(ctx, &gpu.Replay{}, nil)
}

// reordered reports whether the host reorders the values. This applies to biases, which have a few
// thousand values.
func (p piece) reordered() bool { return p.info.PairedRows > 0 && len(p.info.Shape) < 2 }

// read reads a piece from storage: to its place if no kernel converts it, else to raw.
func (l *loader) read(ctx context.Context, p piece) error {
	g := l.m.g
	b, off := p.to.Handle()
	elements, bytes := p.info.DType.Block()
	from := p.info.Begin + int64(p.first)*int64(p.columns)/int64(elements)*int64(bytes)
	switch {
	case p.direct():
		return g.Load(ctx, p.info.Blob, from, p.rawBytes, b, int(off))
	case p.reordered():
		values := make([]float32, p.size)
		if err := p.file.ReadF32At(ctx, p.info, values, 0); err != nil {
			return err
		}
		g.WriteF32(b, off, values)
		return nil
	}
	// The last word may be partial; the device pads it.
	return g.Load(ctx, p.info.Blob, from, p.rawBytes, l.raw, 0)
}

// plan records the kernels that convert a piece and check it. Its norm becomes NaN or infinite if a
// value is not finite; the norm of a repacked piece is otherwise 0.
func (l *loader) plan(p piece, slot int) *gpu.Plan {
	plan := l.m.g.NewPlan("load weights")
	stage := func() *gpu.Tensor { return gpu.Persistent("unpacked weights", l.stage, 0, int64(4*p.size)) }
	norm := gpu.Persistent("norm", l.norms, int64(normBytes*slot), 16)
	if !p.direct() && !p.reordered() {
		raw := gpu.Persistent("raw weights", l.raw, 0, int64(p.rawBytes+3)&^3)
		dtype, paired := string(p.info.DType), p.info.PairedRows
		if p.repacked() {
			// The kernel checks the scales, so the norm of all values is not needed.
			plan.Add(kernels.RepackBlocks(dtype, p.rows, p.columns, paired, raw, p.to, norm))
			return plan
		}
		to := p.to
		if p.format != kernels.F32 {
			to = stage()
		}
		if p.unquantized() {
			plan.Add(kernels.Unpack(dtype, p.size, p.columns, paired, raw, to))
		} else {
			plan.Add(kernels.UnpackBlocks(dtype, p.rows, p.columns, paired, raw, to))
		}
		if p.format != kernels.F32 {
			plan.Add(kernels.Quantise(p.format, p.rows, p.columns, to, p.to))
		}
	}
	values := p.to
	if p.format != kernels.F32 {
		values = stage()
		plan.Add(kernels.Dequantise(p.format, p.rows, p.columns, p.to, values))
	}
	parts := kernels.GradNormParts(p.size)
	partials := gpu.Persistent("partial norms", l.partials, 0, l.partialsBytes)
	plan.Add(kernels.GradNorm(p.size, values, partials, 0))
	plan.Add(kernels.ClipScale(parts, 1, partials, norm))
	return plan
}

// check returns a fault that names the tensor when weights are NaN or infinite. Without it they
// would surface as a NaN loss, far from the cause.
func (l *loader) check(ctx context.Context, pieces []piece) error {
	norms, err := l.m.g.ReadF32(ctx, l.norms, 0, normBytes/4*len(pieces))
	if err != nil {
		return err
	}
	for i, p := range pieces {
		if norm := float64(norms[normBytes/4*i]); !math.IsNaN(norm) && !math.IsInf(norm, 0) {
			continue
		}
		f := fault.New(fault.NaN, p.file.Name(), "tensor \""+p.info.Name+"\"", "has values that are not finite").
			WithRemedy("the file is damaged or its training diverged: download it again or use another checkpoint")
		if p.format == kernels.F16 || p.format == kernels.Q4 {
			f = f.WithLimit("±65504 with base %s", p.format)
		}
		return f
	}
	return nil
}
