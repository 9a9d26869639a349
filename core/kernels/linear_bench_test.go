//go:build !wasm

package kernels_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/native"
)

// BenchmarkLinear reports GFLOP/s of the three products for sizes that occur in training, in every
// variant that this device can run:
//
//	go test ./core/kernels -run '^$' -bench 'Linear/forward/.*/32x32'
func BenchmarkLinear(b *testing.B) {
	dev, err := native.Open(nil)
	require.NoError(b, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	products := []struct {
		name   string
		record func(*kernels.Tune, kernels.LinearSpec, [3]*gpu.Tensor) gpu.Dispatch
	}{
		{"forward", func(t *kernels.Tune, s kernels.LinearSpec, a [3]*gpu.Tensor) gpu.Dispatch {
			return kernels.LinearForward(t, s, a[0], a[1], a[2], nil, nil)
		}},
		{"input", func(t *kernels.Tune, s kernels.LinearSpec, a [3]*gpu.Tensor) gpu.Dispatch {
			return kernels.LinearInputGrad(t, s, a[2], a[1], a[0], nil, nil)
		}},
		{"weight", func(t *kernels.Tune, s kernels.LinearSpec, a [3]*gpu.Tensor) gpu.Dispatch {
			return kernels.LinearWeightGrad(t, s, a[2], a[0], a[1])
		}},
	}
	sizes := [][3]int{ // rows, in, out
		{300, 256, 256}, {2048, 256, 256}, {2048, 256, 640}, {2048, 640, 256}, {512, 256, 1024}, {512, 576, 1536},
		{1024, 256, 8}, {1024, 8, 256}, {1, 256, 256}, {1, 576, 1536},
	}
	tune := kernels.DefaultTune(g.Info())
	for _, p := range products {
		for _, size := range sizes {
			for _, v := range kernels.LinearVariants(g.Info()) {
				tune.Linear = v
				b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", p.name, size[0], size[1], size[2], v), func(b *testing.B) {
					s := kernels.LinearSpec{Rows: kernels.FixedRows(size[0]), In: size[1], Out: size[2], Scale: 1}
					benchDispatch(b, g, func(a [3]*gpu.Tensor) gpu.Dispatch { return p.record(&tune, s, a) },
						[3]int{size[0] * size[1], size[1] * size[2], size[0] * size[2]})
				})
			}
		}
	}
}

// benchDispatch reports the best of b.N runs. Each run has several dispatches, so that the cost of
// a submit does not count.
func benchDispatch(b *testing.B, g *gpu.Context, record func([3]*gpu.Tensor) gpu.Dispatch, elements [3]int) {
	ctx := context.Background()
	var args [3]*gpu.Tensor
	var bufs [3]gpu.Buffer
	for i, n := range elements {
		bufs[i] = g.NewBuffer("bench", int64(4*n), gpu.Storage)
		args[i] = gpu.Persistent("bench", bufs[i], 0, int64(4*n))
	}
	plan := g.NewPlan("bench")
	defer func() {
		plan.Free()
		for _, buf := range bufs {
			g.Free(buf)
		}
	}()
	const dispatches = 5
	for range dispatches {
		plan.Add(record(args))
	}
	require.NoError(b, plan.Compile())
	var dyn gpu.Replay
	run := func() time.Duration {
		start := time.Now()
		require.NoError(b, plan.Run(ctx, &dyn, nil))
		require.NoError(b, g.Wait(ctx))
		return time.Since(start)
	}
	run() // compiles
	best := time.Hour
	for b.Loop() {
		best = min(best, run())
	}
	b.ReportMetric(plan.Flops(&dyn)/best.Seconds()/1e9, "GFLOP/s")
}

// BenchmarkMatmulBest reports the reference of utilisation figures.
func BenchmarkMatmulBest(b *testing.B) {
	dev, err := native.Open(nil)
	require.NoError(b, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	tune := kernels.DefaultTune(g.Info())
	best := 0.0
	for b.Loop() {
		gflops, err := kernels.MatmulBest(context.Background(), g, &tune)
		require.NoError(b, err)
		best = max(best, gflops)
	}
	b.ReportMetric(best, "GFLOP/s")
}
