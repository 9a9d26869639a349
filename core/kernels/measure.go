package kernels

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nextquill/core/gpu"
)

// Products are the products of a linear layer by name: forward is y = x·Wᵀ, input is dx = dy·W,
// weight is dW = dyᵀ·x.
var Products = []string{"forward", "input", "weight"}

// MeasureProduct returns the seconds that a product of a linear layer takes on the device of g, and
// its floating-point operations. product is one of Products. It allocates its own tensors.
func MeasureProduct(
	ctx context.Context, g *gpu.Context, tune *Tune, product string, f Format, rows, in, out int,
) (seconds, flops float64, err error) {
	kind := slices.Index(Products, product)
	if kind < 0 {
		panic(fmt.Sprintf("kernels: no product %q", product))
	}
	var bufs []gpu.Buffer
	tensor := func(name string, bytes int) *gpu.Tensor {
		bufs = append(bufs, g.NewBuffer(name, int64(bytes), gpu.Storage))
		return gpu.Persistent(name, bufs[len(bufs)-1], 0, int64(bytes))
	}
	stride := RowStride(out)
	x, y := tensor("measure.x", 4*rows*in), tensor("measure.y", 4*rows*stride)
	if linearKind(kind) == linearWeight {
		f = F32 // the gradient is F32 in every format
	}
	w := tensor("measure.w", out*f.RowBytes(in))
	defer func() {
		for _, b := range bufs {
			g.Free(b)
		}
	}()
	s := LinearSpec{Rows: FixedRows(rows), In: in, Out: out, OutStride: stride, Scale: 1, Format: f}
	var d gpu.Dispatch
	switch linearKind(kind) {
	case linearForward:
		d = LinearForward(tune, s, x, w, y, nil, nil)
	case linearInput:
		d = LinearInputGrad(tune, s, y, w, x, nil, nil)
	case linearWeight:
		d = LinearWeightGrad(tune, s, y, x, w)
	}
	seconds, err = measure(ctx, g, d)
	return seconds, d.Flops(nil), err
}

// MeasureBandwidth returns the bytes per second that an addition of two vectors of n values reads
// and writes, an estimate of the memory bandwidth.
func MeasureBandwidth(ctx context.Context, g *gpu.Context, n int) (float64, error) {
	var t [3]*gpu.Tensor
	for i := range t {
		b := g.NewBuffer("measure.bandwidth", int64(4*n), gpu.Storage)
		defer g.Free(b)
		t[i] = gpu.Persistent("measure.bandwidth", b, 0, int64(4*n))
	}
	seconds, err := measure(ctx, g, Add(FixedRows(1), n, t[0], t[1], t[2]))
	return 12 * float64(n) / seconds, err
}

// A measurement is the best of measureRuns runs. Each repeats the dispatch until it takes
// measureSpan, so that the cost of a submit and a wait (3 ms in Firefox) matters little.
const (
	measureRuns = 4
	measureSpan = 10 * time.Millisecond
)

// measure returns the seconds that one dispatch takes.
func measure(ctx context.Context, g *gpu.Context, d gpu.Dispatch) (float64, error) {
	// The first run includes compiling.
	if _, err := timeRun(ctx, g, d, 1); err != nil {
		return 0, err
	}
	best := time.Duration(1<<63 - 1)
	times := 1
	for run := 0; run < measureRuns; {
		took, err := timeRun(ctx, g, d, times)
		if err != nil {
			return 0, err
		}
		if took < measureSpan && times < 256 {
			times *= 2
			continue
		}
		best = min(best, took)
		run++
	}
	return best.Seconds() / float64(times), nil
}

// timeRun returns how long n dispatches of d take.
func timeRun(ctx context.Context, g *gpu.Context, d gpu.Dispatch, n int) (time.Duration, error) {
	plan := g.NewPlan("measure")
	defer plan.Free()
	for range n {
		plan.Add(d)
	}
	if err := plan.Compile(); err != nil {
		return 0, err
	}
	if err := g.Wait(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := plan.Run(ctx, &gpu.Replay{}, nil); err != nil {
		return 0, err
	}
	err := g.Wait(ctx)
	return time.Since(start), err
}
