//go:build !wasm

package kernels_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
	"nextquill/native/nativetest"
)

// TestFormatsAreExact compares products whose weights are in a format with products of the same
// values in F32, bit for bit, on a device whose variants keep the order of sums.
func TestFormatsAreExact(t *testing.T) {
	ctx := context.Background()
	g := nativetest.Open(t, nil)
	require.True(t, g.Info().CPU, "GPUs may fuse a product and a sum of one shader and not of another")
	tune := kernels.DefaultTune(g.Info())
	const rows, in, out = 37, 100, 75
	rng := rand.New(rand.NewPCG(3, 3))
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	var bufs []gpu.Buffer
	words := func(v []uint32) *gpu.Tensor {
		b := g.NewBuffer("t", int64(4*len(v)), gpu.Storage)
		bufs = append(bufs, b)
		g.WriteU32(b, 0, v)
		return gpu.Persistent("t", b, 0, int64(4*len(v)))
	}
	floats := func(v []float32) *gpu.Tensor { return words(kerneltest.QuantiseRef(kernels.F32, 1, len(v), v)) }
	defer func() {
		for _, b := range bufs {
			g.Free(b)
		}
	}()
	w := random(out * in)
	x, dy := floats(random(rows*in)), floats(random(rows*(out+1)))
	run := func(f kernels.Format, packed []uint32) (y, dx []float32) {
		to, from, weights := floats(make([]float32, rows*(out+1))), floats(make([]float32, rows*in)), words(packed)
		s := kernels.LinearSpec{Rows: kernels.FixedRows(rows), In: in, Out: out, OutStride: out + 1, Format: f}
		p := g.NewPlan("exact")
		defer p.Free()
		p.Add(kernels.LinearForward(&tune, s, x, weights, to, nil, nil))
		p.Add(kernels.LinearInputGrad(&tune, s, dy, weights, from, nil, nil))
		require.NoError(t, p.Compile())
		require.NoError(t, p.Run(ctx, &gpu.Replay{}, nil))
		read := func(t *gpu.Tensor, n int) []float32 {
			b, _ := t.Handle()
			v, _ := g.ReadF32(ctx, b, 0, n)
			return v
		}
		return read(to, rows*(out+1)), read(from, rows*in)
	}
	for _, f := range kernels.Formats[1:] {
		t.Run(f.String(), func(t *testing.T) {
			packed := kerneltest.QuantiseRef(f, out, in, w)
			y, dx := run(f, packed)
			wantY, wantDX := run(kernels.F32, kerneltest.QuantiseRef(kernels.F32, out, in,
				kerneltest.DequantiseRef(f, out, in, packed)))
			require.Equal(t, wantY, y)
			require.Equal(t, wantDX, dx)
		})
	}
}

func TestFormatNames(t *testing.T) {
	for _, f := range kernels.Formats {
		got, err := kernels.ParseFormat(f.String())
		require.NoError(t, err)
		require.Equal(t, f, got)
	}
	_, err := kernels.ParseFormat("q5")
	require.ErrorContains(t, err, "f32, f16, q8, q4")
	for f, want := range map[kernels.Format]int{kernels.F32: 400, kernels.F16: 200, kernels.Q8: 144, kernels.Q4: 80} {
		require.Equal(t, want, f.RowBytes(100))
	}
}
