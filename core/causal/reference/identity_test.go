package reference

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func setup(t *testing.T) (*Model, Batch, Options) {
	t.Helper()
	dir := filepath.Join(oracle, "cases", "nextquill-code-lora")
	m, o := readSetup(t, dir, "case.json")
	return m, readJSON[Batch](t, dir, "batch.json"), o
}

func step(t *testing.T, m *Model, b Batch, o Options) (Result, map[string][]float64) {
	t.Helper()
	r, g, err := Step(m, b, o)
	require.NoError(t, err)
	return r, g
}

// With δ = −1 every token has weight λ. With λ = 1 and α = 0 that is ContextSFT.
func TestAllTokensAboveDeltaIsContextSFT(t *testing.T) {
	m, b, _ := setup(t)
	weighted := Options{
		Delta: -1, Lambda: 1, Epsilon: .1, NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens,
	}
	plain := Options{NormalizeNTP: ByTokens, NormalizeAlign: ByTokens}
	r1, g1 := step(t, m, b, weighted)
	r2, g2 := step(t, m, b, plain)
	require.Equal(t, r2.Loss, r1.Loss)
	require.Equal(t, g2, g1)
}

// The head is linear, so z^h − z^0 = W(h^h − h^0): the difference of hidden states is enough.
func TestDifferenceOfLogitsIsHeadOfDifference(t *testing.T) {
	m, b, _ := setup(t)
	s := b.Samples[1]
	with, without := m.branch(s.With, s.Response), m.branch(s.Without, s.Response)
	for i := range s.Response {
		dh := difference(with.normed[with.first+i], without.normed[without.first+i])
		fromHidden := matmul([][]float64{dh}, m.Weights[m.Config.head()], m.Config.VocabSize)[0]
		require.InDeltaSlice(t, difference(with.logits[i], without.logits[i]), fromHidden, 1e-12)
	}
}

// CE(z^h − z^0, y) is the cross-entropy under q ∝ p_h/p_0.
func TestMCEIsRatioOfDistributions(t *testing.T) {
	zh, z0 := []float64{1, -2, .5, 3}, []float64{.25, 1, -1, 2}
	ph, p0 := softmax(zh), softmax(z0)
	total := 0.0
	for i := range ph {
		total += ph[i] / p0[i]
	}
	for y := range ph {
		require.InDelta(t, -math.Log(ph[y]/p0[y]/total), crossEntropy(difference(zh, z0), y), 1e-12)
	}
}

// With equal prompts DCE is 0, q is uniform, and the gradients of L_p in the two branches cancel.
func TestEqualPromptsHaveNoEffect(t *testing.T) {
	m, b, o := setup(t)
	for i := range b.Samples {
		b.Samples[i].With = b.Samples[i].Without
	}
	r, g := step(t, m, b, o)
	for _, k := range r.Tokens {
		require.Zero(t, k.DCE)
		require.InDelta(t, math.Log(float64(m.Config.VocabSize)), k.CEMCE, 1e-12)
	}
	o.Alpha = 0
	_, without := step(t, m, b, o)
	for name := range g {
		require.InDeltaSlice(t, without[name], g[name], 1e-12, name)
	}
}

// Without the gradient through the erased branch the losses are the same and the gradients differ.
func TestDetachedBranchChangesGradientOnly(t *testing.T) {
	m, b, o := setup(t)
	r1, g1 := step(t, m, b, o)
	o.CounterfactualGrad = false
	r2, g2 := step(t, m, b, o)
	require.Equal(t, r1, r2)
	require.NotEqual(t, g1, g2)
}

// The gradient is the slope of the loss, here along a direction that changes every trained tensor.
func TestGradientIsSlope(t *testing.T) {
	m, b, o := setup(t)
	o.Expert = m.Adapter.clone() // with a live θ_D a token could cross δ between the two sides
	r, g := step(t, m, b, o)
	const h = 1e-6
	slope, norm := 0.0, 0.0
	for name, w := range m.Adapter.Weights {
		slope += dot(g[name], g[name])
		accumulate(w, h, g[name])
	}
	norm = math.Sqrt(slope)
	ahead, _ := step(t, m, b, o)
	for name, w := range m.Adapter.Weights {
		accumulate(w, -2*h, g[name])
	}
	behind, _ := step(t, m, b, o)
	require.InDelta(t, slope, (ahead.Loss-behind.Loss)/(2*h), 1e-6*norm*norm, "at loss %v", r.Loss)
}

func (a *Adapter) clone() *Adapter {
	c := &Adapter{Scale: a.Scale, Weights: map[string][]float64{}}
	for name, w := range a.Weights {
		c.Weights[name] = append([]float64(nil), w...)
	}
	return c
}

// When all weights are zero, the term is zero, without a division by zero.
func TestNoWeight(t *testing.T) {
	m, b, _ := setup(t)
	r, _ := step(t, m, b, Options{
		Delta: 1, Lambda: 1, Epsilon: 0, NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens,
	})
	require.Zero(t, r.Loss)
}

func TestErrorsNameThePlace(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  fault.Kind
		field string
		spoil func(m *Model, b *Batch, o *Options)
	}{
		{"id", fault.OutOfRange, "with", func(m *Model, b *Batch, _ *Options) {
			b.Samples[1].With[0] = m.Config.VocabSize
		}},
		{"negative id", fault.OutOfRange, "response", func(_ *Model, b *Batch, _ *Options) {
			b.Samples[0].Response[0] = -1
		}},
		{"empty prompt", fault.Missing, "without", func(_ *Model, b *Batch, _ *Options) {
			b.Samples[0].Without = nil
		}},
		{"empty response", fault.Missing, "response", func(_ *Model, b *Batch, _ *Options) {
			b.Samples[0].Response = nil
		}},
		{"no samples", fault.Missing, "samples", func(_ *Model, b *Batch, _ *Options) { b.Samples = nil }},
		{"divisor", fault.OutOfRange, "normalize", func(_ *Model, _ *Batch, o *Options) { o.NormalizeAlign = "mean" }},
		{"heads", fault.Mismatch, "num_key_value_heads", func(m *Model, _ *Batch, _ *Options) { m.Config.KVHeads = 2 }},
		{"no head", fault.Missing, untied, func(m *Model, _ *Batch, _ *Options) { delete(m.Weights, untied) }},
		{"short tensor", fault.Mismatch, finalNorm, func(m *Model, _ *Batch, _ *Options) {
			m.Weights[finalNorm] = []float64{1}
		}},
		{"extra tensor", fault.Mismatch, "bias", func(m *Model, _ *Batch, _ *Options) { m.Weights["bias"] = nil }},
		{"adapter target", fault.Unsupported, "lm_head.lora_A", func(_ *Model, _ *Batch, o *Options) {
			o.Expert = &Adapter{Scale: 1, Weights: map[string][]float64{"lm_head.lora_A": {1}}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, b, o := setup(t)
			c.spoil(m, &b, &o)
			_, _, err := Step(m, b, o)
			var f *fault.Error
			require.True(t, errors.As(err, &f), "%v", err)
			require.Equal(t, c.kind, f.Kind)
			require.Equal(t, c.field, f.Field)
		})
	}
}
