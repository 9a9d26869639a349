package model

import (
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// pieceValues is about how many values come to the device at a time: what bounds the
// memory that loading takes beside the weights.
const pieceValues = 2 << 20

// piece is rows of a file's tensor on their way into a tensor on the device.
type piece struct {
	file           *weights.File
	info           weights.Info
	first          int // row in the file's tensor
	rows, columns  int
	format         kernels.Format
	to             *gpu.Tensor
	rawBytes, size int // in the file; and values
}

// rowAlign is how rows of a tensor can be taken apart: whole heads where the file has
// them in another order, and as partAlign says.
func rowAlign(info weights.Info) int {
	align := partAlign
	for info.PairedRows > 0 && align%info.PairedRows != 0 {
		align += partAlign
	}
	return align
}

// pieces cuts a matrix, so that no piece in f32 is larger than a binding of limit bytes.
func (w *matrix) pieces(file *weights.File, info weights.Info, limit int64) []piece {
	align := rowAlign(info)
	step := max(1, int(min(pieceValues, limit/4))/w.columns/align) * align
	elements, bytes := info.DType.Block()
	var out []piece
	for _, p := range w.parts {
		for at := 0; at < p.rows; at += step {
			rows := min(step, p.rows-at)
			out = append(out, piece{
				file: file, info: info, first: p.first + at, rows: rows, columns: w.columns, format: w.format,
				to: w.slice(p, p.first+at, rows), rawBytes: rows * w.columns / elements * bytes, size: rows * w.columns,
			})
		}
	}
	return out
}

// vectorPiece is a tensor that is no matrix: one row.
func vectorPiece(file *weights.File, info weights.Info, to *gpu.Tensor) piece {
	return piece{file: file, info: info, rows: 1, columns: info.Elements(), to: to, rawBytes: int(info.End - info.Begin), size: info.Elements()}
}

// direct tells whether the device wants the very bytes that the file has.
func (p piece) direct() bool {
	switch p.info.DType {
	case weights.F32:
		return p.info.PairedRows == 0 && p.format == kernels.F32
	case weights.F16:
		return p.info.PairedRows == 0 && p.format == kernels.F16
	}
	return p.info.PairedRows == 0 && p.format == kernels.Q4 && p.info.DType == "Q4_1"
}

// repacked tells whether the file's blocks become the device's as they are.
func (p piece) repacked() bool {
	return (p.format == kernels.Q4 || p.format == kernels.Q8) && kernels.ExactFormat(string(p.info.DType)) == p.format
}

// plain tells whether the file has numbers and no blocks.
func (p piece) plain() bool { elements, _ := p.info.DType.Block(); return elements == 1 }

// loader is what loading needs on the device beside the weights.
type loader struct {
	m                           *Model
	raw, stage, partials, norms gpu.Buffer
	rawBytes, stageBytes        int64
	partialsBytes, normsBytes   int64
}

// normBytes is the size of a slot for a piece's norm: WebGPU's offset alignment.
const normBytes = 256

// sized says how large a loader of these pieces is.
func sized(pieces []piece) *loader {
	l := &loader{normsBytes: int64(normBytes * len(pieces))}
	for _, p := range pieces {
		if !p.direct() {
			l.rawBytes = max(l.rawBytes, int64(p.rawBytes))
		}
		if p.format != kernels.F32 {
			l.stageBytes = max(l.stageBytes, int64(4*p.size))
		}
		l.partialsBytes = max(l.partialsBytes, int64(4*kernels.GradNormParts(p.size)))
	}
	return l
}

// loadingBytes is the memory that loading takes beside the weights.
func loadingBytes(pieces []piece) int64 {
	l := sized(pieces)
	return l.rawBytes + l.stageBytes + l.partialsBytes + l.normsBytes
}

// upload brings pieces from storage to the device, each by its range of the file: as it
// is, repacked, or unpacked to f32 and quantised, all by kernels.
func (m *Model) upload(ctx context.Context, pieces []piece) error {
	l := sized(pieces)
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

// load brings one piece in and takes its norm.
func (l *loader) load(ctx context.Context, p piece, slot int) error {
	g := l.m.g
	b, off := p.to.Handle()
	elements, bytes := p.info.DType.Block()
	from := p.info.Begin + int64(p.first)*int64(p.columns)/int64(elements)*int64(bytes)
	plan := g.NewPlan("load weights")
	defer plan.Free()
	stage := func() *gpu.Tensor { return gpu.Persistent("unpacked weights", l.stage, 0, int64(4*p.size)) }
	switch {
	case p.direct():
		if err := g.Load(ctx, p.info.Blob, from, p.rawBytes, b, int(off)); err != nil {
			return err
		}
	case p.info.PairedRows > 0 && len(p.info.Shape) < 2:
		// A bias of some thousand values, whose order is put right on this side.
		values := make([]float32, p.size)
		if err := p.file.ReadF32At(ctx, p.info, values, 0); err != nil {
			return err
		}
		g.WriteF32(b, off, values)
	default:
		// The load's last word may be half full; the device pads it.
		if err := g.Load(ctx, p.info.Blob, from, p.rawBytes, l.raw, 0); err != nil {
			return err
		}
		raw, dtype, paired := gpu.Persistent("raw weights", l.raw, 0, int64(p.rawBytes+3)&^3), string(p.info.DType), p.info.PairedRows
		if p.repacked() {
			plan.Add(kernels.RepackBlocks(dtype, p.rows, p.columns, paired, raw, p.to))
			break
		}
		to := p.to
		if p.format != kernels.F32 {
			to = stage()
		}
		if p.plain() {
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
	plan.Add(kernels.ClipScale(parts, 1, partials, gpu.Persistent("norm", l.norms, int64(normBytes*slot), 16)))
	if err := plan.Compile(); err != nil {
		return err
	}
	return plan.Run(ctx, &gpu.Replay{}, 0)
}

// check refuses weights with NaN or infinite values, naming the tensor: they would
// otherwise surface as a loss that is NaN, far from the cause.
func (l *loader) check(ctx context.Context, pieces []piece) error {
	norms, err := l.m.g.ReadF32(ctx, l.norms, 0, normBytes/4*len(pieces))
	if err != nil {
		return err
	}
	for i, p := range pieces {
		if norm := float64(norms[normBytes/4*i]); !math.IsNaN(norm) && !math.IsInf(norm, 0) {
			continue
		}
		f := fault.New(fault.NaN, p.file.Name(), "tensor \""+p.info.Name+"\"", "holds values that are no finite numbers").
			WithRemedy("the file is damaged or was saved after a run that diverged: fetch it again or use another checkpoint")
		if p.format == kernels.F16 || p.format == kernels.Q4 {
			f = f.WithLimit("±65504 with base %s", p.format)
		}
		return f
	}
	return nil
}
