package model

import (
	"context"
	"math/rand/v2"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// randomSpread bounds random weights. Activations then stay finite through all layers, and nearly
// no value is subnormal, which some devices compute slowly.
const randomSpread = .04

// fillRandom gives the pieces pseudo-random values between −randomSpread and randomSpread. All
// pieces have the same values, because a benchmark needs no others. The values of norms and biases
// are random too.
func (m *Model) fillRandom(ctx context.Context, pieces []piece) error {
	largest := 0
	for _, p := range pieces {
		largest = max(largest, p.size)
	}
	source := m.g.NewBuffer("random weights", int64(4*largest), gpu.Storage)
	defer m.g.Free(source)
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, min(largest, 1<<18))
	for at := 0; at < largest; at += len(values) {
		values = values[:min(len(values), largest-at)]
		for i := range values {
			values[i] = randomSpread * (2*rng.Float32() - 1)
		}
		m.g.WriteF32(source, int64(4*at), values)
		if err := m.g.Flush(); err != nil {
			return err
		}
	}
	for _, p := range pieces {
		if err := m.fillPiece(ctx, p, source); err != nil {
			return err
		}
	}
	return m.g.Wait(ctx)
}

// fillPiece converts the first values of source to the piece's format.
func (m *Model) fillPiece(ctx context.Context, p piece, source gpu.Buffer) error {
	if p.format == kernels.F32 {
		to, off := p.to.Handle()
		m.g.Copy(source, 0, to, off, int64(4*p.size))
		return m.g.Flush()
	}
	plan := m.g.NewPlan("random weights")
	defer plan.Free()
	from := gpu.Persistent("random weights", source, 0, int64(4*p.size))
	plan.Add(kernels.Quantise(p.format, p.rows, p.columns, from, p.to))
	if err := plan.Compile(); err != nil {
		return err
	}
	return plan.Run(ctx, &gpu.Replay{}, nil)
}
