package model

import (
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// upload brings every tensor from storage to the device. F32 goes straight
// there; 16-bit types and GGUF's blocks of 32 go through a raw buffer and a kernel
// that unpacks them; the rest is unpacked on this side, in pieces.
func (m *Model) upload(ctx context.Context, file *weights.File, shapes []weights.TensorShape, tensors map[string]*gpu.Tensor) error {
	raw := m.g.NewBuffer("raw weights", 2*unpackChunk, gpu.Storage)
	defer m.g.Free(raw)
	for _, s := range shapes {
		info, _ := file.Tensor(s.Name)
		buf, off := tensors[s.Name].Handle()
		var err error
		switch {
		case info.PairedRows == 0 && info.DType == weights.F32:
			err = m.g.Load(ctx, info.Blob, info.Begin, 4*info.Elements(), buf, int(off))
		case info.PairedRows == 0 && info.DType.Size() == 2:
			err = m.unpackHalves(ctx, info, raw, buf, off)
		case blockRows(info) > 0:
			err = m.unpackBlocks(ctx, info, raw, buf, off)
		default:
			err = m.convert(ctx, file, info, buf, off)
		}
		if err != nil {
			return err
		}
	}
	return m.checkFinite(ctx, file, shapes, tensors)
}

// checkFinite refuses weights with NaN or infinite values, naming the tensor: they
// would otherwise surface as a loss that is NaN, far from the cause.
func (m *Model) checkFinite(ctx context.Context, file *weights.File, shapes []weights.TensorShape, tensors map[string]*gpu.Tensor) error {
	p := m.g.NewPlan("check weights")
	defer p.Free()
	out := make([]gpu.Buffer, len(shapes))
	defer func() {
		for _, b := range out {
			if b != 0 {
				m.g.Free(b)
			}
		}
	}()
	for i, s := range shapes {
		t := tensors[s.Name]
		n := int(t.Bytes / 4)
		parts := kernels.GradNormParts(n)
		partials := p.Temp("partials", int64(4*parts))
		out[i] = m.g.NewBuffer("norm of "+s.Name, 16, gpu.Storage)
		norm := gpu.Persistent("norm", out[i], 0, 16)
		p.Add(kernels.GradNorm(n, t, partials, 0))
		p.Add(kernels.ClipScale(parts, 1, partials, norm))
	}
	if err := p.Compile(); err != nil {
		return err
	}
	if err := p.Run(ctx, &gpu.Dyn{}, 0); err != nil {
		return err
	}
	for i, s := range shapes {
		v, err := m.g.ReadF32(ctx, out[i], 0, 1)
		if err != nil {
			return err
		}
		if math.IsNaN(float64(v[0])) || math.IsInf(float64(v[0]), 0) {
			return fault.New(fault.NaN, file.Name(), "tensor \""+s.Name+"\"", "holds values that are no finite numbers").
				WithRemedy("the file is damaged or was saved after a run that diverged: fetch it again or use another checkpoint")
		}
	}
	return nil
}
