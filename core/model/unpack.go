package model

import (
	"context"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// unpackChunk is how many packed values are unpacked at a time: what bounds the
// extra device memory while loading. A multiple of 64, so that every chunk of
// the output starts at a multiple of 256 bytes. No type that the device unpacks
// takes more than two bytes a value.
const unpackChunk = 4 << 20

// convertChunk is how many values are unpacked at a time on this side.
const convertChunk = 1 << 20

// unpackHalves widens a tensor of 16-bit values.
func (m *Model) unpackHalves(ctx context.Context, info weights.Info, raw, out gpu.Buffer, off int64) error {
	n := info.Elements()
	for done := 0; done < n; done += unpackChunk {
		part := min(unpackChunk, n-done)
		err := m.unpack(ctx, info, int64(2*done), 2*part, raw, out, off+int64(4*done), part, func(in, out *gpu.Tensor) gpu.Dispatch {
			return kernels.Unpack(string(info.DType), part, in, out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// blockRows is how many rows of a tensor the device unpacks at a time, or 0 when
// it does not: an even number, and whole heads where their rows change places.
func blockRows(info weights.Info) int {
	if !kernels.UnpacksBlocks(string(info.DType)) || len(info.Shape) != 2 {
		return 0
	}
	step := max(2, info.PairedRows)
	return unpackChunk / info.Shape[1] / step * step
}

// unpackBlocks dequantises a matrix of blocks.
func (m *Model) unpackBlocks(ctx context.Context, info weights.Info, raw, out gpu.Buffer, off int64) error {
	width, step := info.Shape[1], blockRows(info)
	elements, bytes := info.DType.Block()
	for row := 0; row < info.Shape[0]; row += step {
		rows := min(step, info.Shape[0]-row)
		size := func(rows int) int { return rows * width / elements * bytes }
		err := m.unpack(ctx, info, int64(size(row)), size(rows), raw, out, off+int64(4*row*width), rows*width, func(in, out *gpu.Tensor) gpu.Dispatch {
			return kernels.UnpackBlocks(string(info.DType), rows, width, info.PairedRows, in, out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unpack loads size bytes of a tensor from byte from on into raw, and runs a kernel
// that makes n values of them in out.
func (m *Model) unpack(ctx context.Context, info weights.Info, from int64, size int, raw, out gpu.Buffer, off int64, n int,
	kernel func(in, out *gpu.Tensor) gpu.Dispatch) error {
	// The load's last word may be half full; the device pads it.
	if err := m.g.Load(ctx, info.Blob, info.Begin+from, size, raw, 0); err != nil {
		return err
	}
	p := m.g.NewPlan("unpack")
	defer p.Free()
	p.Add(kernel(gpu.Persistent("raw weights", raw, 0, int64(size+3)&^3), gpu.Persistent(info.Name, out, off, int64(4*n))))
	if err := p.Compile(); err != nil {
		return err
	}
	return p.Run(ctx, &gpu.Dyn{}, 0)
}

// convert unpacks a tensor on this side and writes it to the device in pieces.
func (m *Model) convert(ctx context.Context, file *weights.File, info weights.Info, out gpu.Buffer, off int64) error {
	n := info.Elements()
	for done := 0; done < n; done += convertChunk {
		values := make([]float32, min(convertChunk, n-done))
		if err := file.ReadF32At(ctx, info, values, done); err != nil {
			return err
		}
		m.g.WriteF32(out, off+int64(4*done), values)
		if err := m.g.Flush(); err != nil {
			return err
		}
	}
	return nil
}
