package model

import (
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// unpackChunk is how many 16-bit values are unpacked at a time: what bounds the
// extra device memory while loading. A multiple of 64, so that every chunk of
// the output starts at a multiple of 256 bytes.
const unpackChunk = 4 << 20

// convertChunk is how many values of GGUF blocks are unpacked at a time: what
// bounds the memory of loading, but for heads that are larger.
const convertChunk = 1 << 20

// upload brings every tensor from storage to the device. F32 goes straight
// there; 16-bit types go through a raw buffer and a kernel that widens them;
// blocks, and rows that change places, go through this side's memory.
func (m *Model) upload(ctx context.Context, file *weights.File, shapes []weights.TensorShape, tensors map[string]*gpu.Tensor) error {
	raw := m.g.NewBuffer("raw weights", 2*unpackChunk, gpu.Storage)
	defer m.g.Free(raw)
	for _, s := range shapes {
		info, _ := file.Tensor(s.Name)
		buf, off := tensors[s.Name].Handle()
		n := info.Elements()
		var err error
		switch {
		case info.PairedRows > 0 || info.DType.Size() == 0:
			err = m.convert(ctx, file, info, buf, off)
		case info.DType == weights.F32:
			err = m.g.Load(ctx, info.Blob, info.Begin, 4*n, buf, int(off))
		default:
			for done := 0; done < n && err == nil; done += unpackChunk {
				err = m.unpack(ctx, info, done, min(unpackChunk, n-done), raw, buf, off+int64(4*done))
			}
		}
		if err != nil {
			return err
		}
	}
	return m.checkFinite(ctx, file, shapes, tensors)
}

// convert unpacks a tensor here and writes it to the device in pieces.
func (m *Model) convert(ctx context.Context, file *weights.File, info weights.Info, buf gpu.Buffer, off int64) error {
	n := info.Elements()
	for done := 0; done < n; done += convertChunk {
		values := make([]float32, min(convertChunk, n-done))
		if err := file.ReadF32At(ctx, info, values, done); err != nil {
			return err
		}
		m.g.WriteF32(buf, off+int64(4*done), values)
		if err := m.g.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// unpack widens part 16-bit values of a tensor from value done on.
func (m *Model) unpack(ctx context.Context, info weights.Info, done, part int, raw, out gpu.Buffer, off int64) error {
	// The load's last word may be half full; the device pads it.
	if err := m.g.Load(ctx, info.Blob, info.Begin+int64(2*done), 2*part, raw, 0); err != nil {
		return err
	}
	p := m.g.NewPlan("unpack")
	defer p.Free()
	p.Add(kernels.Unpack(string(info.DType), part,
		gpu.Persistent("raw weights", raw, 0, int64(2*part+3)&^3),
		gpu.Persistent(info.Name, out, off, int64(4*part))))
	if err := p.Compile(); err != nil {
		return err
	}
	return p.Run(ctx, &gpu.Dyn{}, 0)
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
