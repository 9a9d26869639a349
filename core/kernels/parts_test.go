//go:build !wasm

package kernels_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/native/nativetest"
)

// TestPartsOfDispatches runs kernels as a whole and in parts of a few workgroups: the results are
// equal, bit for bit.
func TestPartsOfDispatches(t *testing.T) {
	ctx := context.Background()
	g := nativetest.Open(t, nil)
	const rows, in, out, heads, kv, dim = 150, 100, 76, 4, 2, 16
	rng := rand.New(rand.NewPCG(3, 3))
	var bufs []gpu.Buffer
	defer func() {
		for _, b := range bufs {
			g.Free(b)
		}
	}()
	tensor := func(n int) *gpu.Tensor {
		b := g.NewBuffer("t", int64(4*n), gpu.Storage)
		bufs = append(bufs, b)
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		g.WriteF32(b, 0, v)
		return gpu.Persistent("t", b, 0, int64(4*n))
	}
	words := func(v []uint32) *gpu.Tensor {
		to := tensor(len(v))
		b, _ := to.Handle()
		g.WriteU32(b, 0, v)
		return to
	}
	var ranges, keyRanges []uint32
	for r := range uint32(rows) {
		ranges = append(ranges, 0, 0, 0, r+1)
		keyRanges = append(keyRanges, r, rows)
	}
	x, w, y := tensor(rows*in), tensor(out*in), tensor(rows*out)
	dx, dw, dy := tensor(rows*in), tensor(out*in), tensor(rows*out)
	q, k, v := tensor(rows*heads*dim), tensor(rows*kv*dim), tensor(rows*kv*dim)
	o, do, dq, dk, dv := tensor(rows*heads*dim), tensor(rows*heads*dim), tensor(rows*heads*dim),
		tensor(rows*kv*dim), tensor(rows*kv*dim)
	stats, seen, seenBy := tensor(2*rows*heads), words(ranges), words(keyRanges)

	type kernel struct {
		name string
		gpu.Dispatch
		results []*gpu.Tensor
	}
	var all []kernel
	linear := kernels.LinearSpec{Rows: kernels.FixedRows(rows), In: in, Out: out, Scale: 1}
	for _, variant := range kernels.LinearVariants(g.Info()) {
		tune := kernels.DefaultTune(g.Info())
		tune.Linear = variant
		name := variant.String()
		all = append(all,
			kernel{name + " forward", kernels.LinearForward(&tune, linear, x, w, y, nil, nil), []*gpu.Tensor{y}},
			kernel{name + " input", kernels.LinearInputGrad(&tune, linear, dy, w, dx, nil, nil), []*gpu.Tensor{dx}},
			kernel{name + " weight", kernels.LinearWeightGrad(&tune, linear, dy, x, dw), []*gpu.Tensor{dw}})
	}
	attention := kernels.AttentionSpec{Rows: kernels.FixedRows(rows), Heads: heads, KVHeads: kv, HeadDim: dim}
	for _, tile := range []bool{false, true} {
		tune := kernels.DefaultTune(g.Info())
		tune.Attention.Tile = tile
		name := fmt.Sprintf("attention, tile %v", tile)
		all = append(all,
			kernel{name, kernels.AttentionForward(&tune, attention, q, k, v, seen, o, stats), []*gpu.Tensor{o}},
			kernel{name, kernels.AttentionQueryGrad(&tune, attention, q, k, v, seen, stats, do, dq), []*gpu.Tensor{dq}},
			kernel{name, kernels.AttentionKeyGrad(&tune, attention, q, k, v, seenBy, stats, do, dk, dv),
				[]*gpu.Tensor{dk, dv}})
	}
	run := func(c kernel, parts []gpu.Dispatch) (values [][]float32) {
		p := g.NewPlan("parts")
		defer p.Free()
		for _, result := range c.results {
			p.Clear(result)
		}
		for _, d := range parts {
			p.Add(d)
		}
		require.NoError(t, p.Compile())
		require.NoError(t, p.Run(ctx, &gpu.Replay{}, nil))
		for _, result := range c.results {
			b, _ := result.Handle()
			v, err := g.ReadF32(ctx, b, 0, int(result.Bytes/4))
			require.NoError(t, err)
			values = append(values, v)
		}
		return values
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			require.Positive(t, c.First)
			groups := c.Groups(&gpu.Replay{})
			require.Greater(t, groups[0], uint32(1))
			size := max(1, groups[0]/3)
			var parts []gpu.Dispatch
			for first := uint32(0); first < groups[0]; first += size {
				part := c.Dispatch
				part.Shape[c.First] = first
				n := min(size, groups[0]-first)
				part.Groups = func(*gpu.Replay) [3]uint32 { return [3]uint32{n, 1, 1} }
				parts = append(parts, part)
			}
			require.Greater(t, len(parts), 1)
			whole := run(c, []gpu.Dispatch{c.Dispatch})
			require.Equal(t, whole, run(c, parts))
			require.NotEqual(t, whole, run(c, parts[1:]), "a part has no effect")
		})
	}
}
