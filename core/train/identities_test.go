//go:build !wasm

package train_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// step runs one forward and backward pass of o over the samples with both branches.
func (b *bench) step(o causal.Options) ([]kernels.Token, [][]float32) {
	ctx := context.Background()
	m := b.load("models/tied", model.LoadOptions{Full: true})
	defer m.Free()
	step, err := m.NewStep(model.StepSpec{MaxTokens: 512, MaxResponses: 128, Objective: o, Dual: true, Backward: true})
	require.NoError(b.t, err)
	defer step.Free()
	samples := b.smallVocabulary(m.Config.VocabSize)
	p := causal.Pack(samples, 0, true)
	m.Params.ResetOptimizer()
	require.NoError(b.t, step.Run(ctx, p, nil, kernels.Dyn{}, nil))
	tokens, err := step.Tokens(ctx, p.Responses())
	require.NoError(b.t, err)
	grads, err := m.Params.ReadGrads(ctx)
	require.NoError(b.t, err)
	return tokens, grads
}

// smallVocabulary maps the samples' ids into a vocabulary of n tokens.
func (b *bench) smallVocabulary(n int) []causal.Sample {
	fold := func(ids []int32) []int32 {
		out := make([]int32, len(ids))
		for i, id := range ids {
			out[i] = id % int32(n)
		}
		return out
	}
	var out []causal.Sample
	for _, s := range b.samples {
		out = append(out, causal.Sample{With: fold(s.With), Without: fold(s.Without), Response: fold(s.Response)})
	}
	return out
}

// With δ = −1 every token has weight λ = 1. Without L_p that is ContextSFT: the gradients are
// equal, bit for bit.
func TestEverythingCausalIsContextSFT(t *testing.T) {
	b := newBench(t)
	sft, err := causal.Preset("contextsft")
	require.NoError(t, err)
	sft.NormalizeNTP = causal.ByWeights
	all, err := causal.Preset("nextquill-code")
	require.NoError(t, err)
	all.Delta, all.Lambda, all.Alpha = -1, 1, 0
	_, want := b.step(sft)
	tokens, got := b.step(all)
	for _, tok := range tokens {
		require.EqualValues(t, 1, tok.Omega)
	}
	require.Equal(t, want, got)
}

// CE(z^h − z^0, y) is the cross-entropy under q ∝ p_h/p_0. The test computes it from the full logit
// vectors of a decoder with two branches.
func TestMCEIsTheRatioOfBranches(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	m := b.load("models/gqa", model.LoadOptions{})
	defer m.Free()
	o, err := causal.Preset("nextquill-code")
	require.NoError(t, err)
	step, err := m.NewStep(model.StepSpec{MaxTokens: 512, MaxResponses: 128, Objective: o, Dual: true})
	require.NoError(t, err)
	defer step.Free()
	for _, s := range b.samples {
		d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 64, MaxNew: 1, Dual: true})
		require.NoError(t, err)
		require.NoError(t, d.Start(ctx, s.With, s.Without, kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}, 0, nil))
		z, err := d.Logits(ctx)
		require.NoError(t, err)
		d.Free()
		require.NoError(t, step.Run(ctx, causal.Pack([]causal.Sample{s}, 0, true), nil, kernels.Dyn{}, nil))
		tokens, err := step.Tokens(ctx, 1)
		require.NoError(t, err)

		y := s.Response[0]
		var ph, p0, q float64
		for v := range z[0] {
			ph += math.Exp(float64(z[0][v]))
			p0 += math.Exp(float64(z[1][v]))
			q += math.Exp(float64(z[0][v]) - float64(z[1][v]))
		}
		h, e := float64(z[0][y]), float64(z[1][y])
		require.InDelta(t, math.Log(q)-(h-e), tokens[0].CEMCE, 1e-4)
		require.InDelta(t, math.Exp(h)/ph-math.Exp(e)/p0, tokens[0].DCE, 1e-5)
	}
}
