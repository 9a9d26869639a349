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

// BenchmarkAttention reports the best GFLOP/s of each kernel over one packed sample: prefix 200,
// branch with history 1260, branch without history 264. It counts only the pairs of a query and a
// key that it attends to.
func BenchmarkAttention(b *testing.B) {
	const prefix, branchA, branchB = 200, 1260, 264
	const rows = prefix + branchA + branchB
	var ranges, keyRanges []uint32
	pairs := 0
	for r := range uint32(rows) {
		from, seen, end := uint32(0), uint32(0), uint32(rows)
		switch {
		case r >= prefix+branchA:
			from, seen = prefix+branchA, prefix
		case r >= prefix:
			from, seen, end = prefix, prefix, prefix+branchA
		}
		ranges = append(ranges, 0, seen, from, r+1)
		keyRanges = append(keyRanges, r, end)
		pairs += int(seen + r + 1 - from)
	}
	dev, err := native.Open(nil)
	require.NoError(b, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	tune := kernels.DefaultTune(g.Info())
	for _, m := range []struct{ heads, kv, dim int }{{8, 4, 32}, {9, 3, 64}} {
		s := kernels.AttentionSpec{Rows: kernels.PerToken, Heads: m.heads, KVHeads: m.kv, HeadDim: m.dim}
		var bufs []gpu.Buffer
		tensor := func(values int) *gpu.Tensor {
			bufs = append(bufs, g.NewBuffer("bench", int64(4*values), gpu.Storage))
			return gpu.Persistent("bench", bufs[len(bufs)-1], 0, int64(4*values))
		}
		words := func(v []uint32) *gpu.Tensor {
			t := tensor(len(v))
			buf, _ := t.Handle()
			g.WriteU32(buf, 0, v)
			return t
		}
		wide, narrow := rows*s.Heads*s.HeadDim, rows*s.KVHeads*s.HeadDim
		q, out, dout, dq := tensor(wide), tensor(wide), tensor(wide), tensor(wide)
		k, v, dk, dv := tensor(narrow), tensor(narrow), tensor(narrow), tensor(narrow)
		stats, seen, seenBy := tensor(2*rows*s.Heads), words(ranges), words(keyRanges)
		decode := s
		decode.Rows = kernels.FixedRows(2)
		last := words([]uint32{0, prefix, prefix, rows, 0, prefix, prefix, rows})
		for _, kernel := range []struct {
			name  string
			pairs int
			flops int // per pair and value of a head
			gpu.Dispatch
		}{
			{"forward", pairs, 4, kernels.AttentionForward(&tune, s, q, k, v, seen, out, stats)},
			{"query-grad", pairs, 6, kernels.AttentionQueryGrad(&tune, s, q, k, v, seen, stats, dout, dq)},
			{"key-grad", pairs, 8, kernels.AttentionKeyGrad(&tune, s, q, k, v, seenBy, stats, dout, dk, dv)},
			{"decode", 2 * rows, 4, kernels.AttentionForward(&tune, decode, q, k, v, last, out, stats)},
		} {
			b.Run(fmt.Sprintf("%s/%dx%d", kernel.name, m.heads, m.dim), func(b *testing.B) {
				plan := g.NewPlan("bench")
				defer plan.Free()
				plan.Add(kernel.Dispatch)
				require.NoError(b, plan.Compile())
				ctx, dyn := context.Background(), kernels.Dyn{Tokens: rows}.Replay()
				run := func() time.Duration {
					start := time.Now()
					require.NoError(b, plan.Run(ctx, dyn, nil))
					require.NoError(b, g.Wait(ctx))
					return time.Since(start)
				}
				run() // compiles
				best := time.Hour
				for b.Loop() {
					best = min(best, run())
				}
				b.ReportMetric(float64(kernel.pairs*kernel.flops*m.heads*m.dim)/best.Seconds()/1e9, "GFLOP/s")
			})
		}
		for _, buf := range bufs {
			g.Free(buf)
		}
	}
}
