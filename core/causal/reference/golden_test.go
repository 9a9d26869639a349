package reference

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	exact = 1e-9 // both sides are float64 and differ in summation order
	asF32 = 1e-7 // the golden tensors were rounded to float32
)

func TestStepMatchesPyTorch(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(oracle, "cases", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m, o := readSetup(t, dir, "case.json")
			got, grads, err := Step(m, readJSON[Batch](t, dir, "batch.json"), o)
			require.NoError(t, err)

			want := readJSON[Result](t, dir, "result.json")
			require.InDelta(t, want.Loss, got.Loss, exact)
			require.InDelta(t, want.NTPLoss, got.NTPLoss, exact)
			require.InDelta(t, want.AlignLoss, got.AlignLoss, exact)
			require.Len(t, got.Tokens, len(want.Tokens))
			for i, w := range want.Tokens {
				g := got.Tokens[i]
				require.Equal(t, [3]int{w.Sample, w.T, w.ID}, [3]int{g.Sample, g.T, g.ID})
				require.InDeltaSlice(t, w.values(), g.values(), exact, "sample %d, token %d", w.Sample, w.T)
			}
			requireTensors(t, readTensors(t, dir, "grads.safetensors"), grads, asF32)
		})
	}
}

func (k Token) values() []float64 {
	return []float64{k.LogpWith, k.LogpWithout, k.DCE, k.Omega, k.CEMCE}
}

func TestForwardMatchesTransformers(t *testing.T) {
	for name, ids := range readJSON[map[string][]int](t, oracle, "logits", "ids.json") {
		m := readModel(t, filepath.Join(oracle, "models", name))
		require.NoError(t, m.check())
		want := readTensors(t, oracle, "logits", name+".safetensors")["logits"]
		var got []float64
		for _, row := range m.forward(ids, 0, len(ids)).logits {
			got = append(got, row...)
		}
		require.InDeltaSlice(t, want, got, 2e-5, name) // transformers computed these in float32
	}
}

// trainConfig is a trajectory's train.json.
type trainConfig struct {
	Steps       int
	Warmup      int
	LR          float64
	WeightDecay float64 `json:"weight_decay"`
	Clip        float64
	Betas       [2]float64
	Eps         float64
}

func TestTenStepsMatchPyTorch(t *testing.T) {
	runs, err := os.ReadDir(filepath.Join(oracle, "trajectory"))
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	for _, run := range runs {
		t.Run(run.Name(), func(t *testing.T) {
			dir := filepath.Join(oracle, "trajectory", run.Name())
			m, o := readSetup(t, dir, "train.json")
			c := readJSON[trainConfig](t, dir, "train.json")
			batches := readJSON[struct{ Batches []Batch }](t, dir, "batches.json").Batches
			want := readJSON[struct {
				Steps []struct {
					LR, Loss float64
					GradNorm float64 `json:"grad_norm"`
				}
			}](t, dir, "losses.json").Steps
			require.Len(t, want, c.Steps)

			trained := m.Weights
			if m.Adapter != nil {
				trained = m.Adapter.Weights
			}
			first, second := m.newGradients(), m.newGradients()
			for s, w := range want {
				got, grads, err := Step(m, batches[s%len(batches)], o)
				require.NoError(t, err)
				norm := clip(grads, c.Clip)
				at := fmt.Sprintf("step %d", s)
				require.InDelta(t, w.LR, c.rate(s), exact, at)
				require.InDelta(t, w.Loss, got.Loss, 1e-7, at) // an optimizer amplifies rounding from step to step
				require.InDelta(t, w.GradNorm, norm, 1e-7*norm, at)
				for name, p := range trained {
					c.adamW(p, first[name], second[name], grads[name], s)
				}
			}
			requireTensors(t, readTensors(t, dir, "final.safetensors"), trained, asF32)
		})
	}
}

// rate is linear warmup, then cosine decay to 0.
func (c trainConfig) rate(s int) float64 {
	if s < c.Warmup {
		return c.LR * float64(s+1) / float64(c.Warmup)
	}
	return c.LR * (1 + math.Cos(math.Pi*float64(s-c.Warmup)/float64(c.Steps-c.Warmup))) / 2
}

// clip scales the gradients to a global norm of at most limit and returns the norm before.
func clip(grads map[string][]float64, limit float64) float64 {
	norm := 0.0
	for _, g := range grads {
		norm += dot(g, g)
	}
	norm = math.Sqrt(norm)
	if factor := limit / (norm + 1e-6); factor < 1 {
		for _, g := range grads {
			copy(g, scaled(factor, g))
		}
	}
	return norm
}

func (c trainConfig) adamW(p, first, second, g []float64, s int) {
	b1, b2, n := c.Betas[0], c.Betas[1], float64(s+1)
	for i := range p {
		first[i] = b1*first[i] + (1-b1)*g[i]
		second[i] = b2*second[i] + (1-b2)*g[i]*g[i]
		m, v := first[i]/(1-math.Pow(b1, n)), second[i]/(1-math.Pow(b2, n))
		p[i] -= c.rate(s) * (c.WeightDecay*p[i] + m/(math.Sqrt(v)+c.Eps))
	}
}
