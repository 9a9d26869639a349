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

// normBytes is the size of the slot for a piece's norm: WebGPU's offset alignment.
const normBytes = 256

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

// upload loads pieces from storage to the device. Each is read by its range of the file and then
// converted by kernels: copied, repacked, or unpacked to f32 and quantized.
func (m *Model) upload(ctx context.Context, pieces []piece) error {
	l := newLoader(pieces)
	l.m = m
	l.raw = m.g.NewBuffer("raw weights", l.rawBytes, gpu.Storage)
	l.stage = m.g.NewBuffer("unpacked weights", l.stageBytes, gpu.Storage)
	l.partials = m.g.NewBuffer("partial norms", l.partialsBytes, gpu.Storage)
	l.norms = m.g.NewBuffer("norms of weights", l.normsBytes, gpu.Storage)
	defer func() {
		for _, b := range []gpu.Buffer{l.raw, l.stage, l.partials, l.norms} {
			m.g.Free(b)
		}
	}()
	for i, p := range pieces {
		if err := l.load(ctx, p, i); err != nil {
			return err
		}
	}
	return l.check(ctx, pieces)
}

// load loads one piece and computes its norm. The norm is not finite if a value is not.
func (l *loader) load(ctx context.Context, p piece, slot int) error {
	g := l.m.g
	b, off := p.to.Handle()
	elements, bytes := p.info.DType.Block()
	from := p.info.Begin + int64(p.first)*int64(p.columns)/int64(elements)*int64(bytes)
	plan := g.NewPlan("load weights")
	defer plan.Free()
	stage := func() *gpu.Tensor { return gpu.Persistent("unpacked weights", l.stage, 0, int64(4*p.size)) }
	norm := gpu.Persistent("norm", l.norms, int64(normBytes*slot), 16)
	switch {
	case p.direct():
		if err := g.Load(ctx, p.info.Blob, from, p.rawBytes, b, int(off)); err != nil {
			return err
		}
	case p.info.PairedRows > 0 && len(p.info.Shape) < 2:
		// A bias of a few thousand values: the host reorders it.
		values := make([]float32, p.size)
		if err := p.file.ReadF32At(ctx, p.info, values, 0); err != nil {
			return err
		}
		g.WriteF32(b, off, values)
	default:
		// The last word may be partial; the device pads it.
		if err := g.Load(ctx, p.info.Blob, from, p.rawBytes, l.raw, 0); err != nil {
			return err
		}
		raw := gpu.Persistent("raw weights", l.raw, 0, int64(p.rawBytes+3)&^3)
		dtype, paired := string(p.info.DType), p.info.PairedRows
		if p.repacked() {
			// The kernel checks the scales, so the norm of all values is not needed.
			plan.Add(kernels.RepackBlocks(dtype, p.rows, p.columns, paired, raw, p.to, norm))
			return l.run(ctx, plan)
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
	return l.run(ctx, plan)
}

// run compiles and runs a plan.
func (l *loader) run(ctx context.Context, plan *gpu.Plan) error {
	if err := plan.Compile(); err != nil {
		return err
	}
	return plan.Run(ctx, &gpu.Replay{}, nil)
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
