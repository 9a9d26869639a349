//go:build !wasm

package train_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

const trajectories = "../../testdata/oracle/trajectory"

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

// TestTenSteps compares ten steps of AdamW with warmup, cosine decay and clipping with PyTorch:
// losses, gradient norms, learning rates, final parameters.
func TestTenSteps(t *testing.T) {
	folders, err := filepath.Glob(trajectories + "/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) { follow(t, dir) })
	}
}

type trajectory struct {
	Model       string     `json:"model"`
	Full        bool       `json:"full"`
	Steps       int        `json:"steps"`
	Warmup      int        `json:"warmup"`
	Clip        float64    `json:"clip"`
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	LR          float64    `json:"lr"`
	WeightDecay float64    `json:"weight_decay"`
}

func follow(t *testing.T, dir string) {
	ctx := context.Background()
	var c trajectory
	readJSON(t, dir+"/train.json", &c)
	var batches struct {
		Batches []struct {
			Samples []causal.Sample `json:"samples"`
		} `json:"batches"`
	}
	readJSON(t, dir+"/batches.json", &batches)
	var want struct {
		Steps []struct {
			Loss     float64 `json:"loss"`
			NTP      float64 `json:"ntp_loss"`
			Align    float64 `json:"align_loss"`
			GradNorm float64 `json:"grad_norm"`
			LR       float64 `json:"lr"`
		} `json:"steps"`
	}
	readJSON(t, dir+"/losses.json", &want)
	raw, err := os.ReadFile(dir + "/options.json")
	require.NoError(t, err)
	o, err := causal.ParseOptions("options.json", raw)
	require.NoError(t, err)

	store := blob.FromFS(os.DirFS(filepath.Join(trajectories, "..")))
	at := "trajectory/" + filepath.Base(dir)
	g := nativetest.Open(t, store)
	tune := kernels.DefaultTune(g.Info())
	load := func(full bool, adapter string) *model.Model {
		path := filepath.ToSlash(filepath.Join(at, c.Model))
		m, err := model.Load(ctx, g, &tune, store, path, model.LoadOptions{Full: full})
		require.NoError(t, err)
		if adapter != "" {
			a, err := weights.ReadAdapter(ctx, store, at+"/"+adapter)
			require.NoError(t, err)
			require.NoError(t, m.SetAdapter(a))
		}
		return m
	}
	limits := train.Limits{Tokens: 2048, Responses: 512}
	var expert map[int][][]float32
	if o.Frozen() {
		expert = map[int][][]float32{}
		m := load(false, o.Expert)
		s, err := train.NewScorer(m, limits, true)
		require.NoError(t, err)
		for i, b := range batches.Batches {
			records, err := s.Score(ctx, b.Samples, nil)
			require.NoError(t, err)
			for _, r := range records {
				var e []float32
				for _, t := range r {
					e = append(e, t.LogpWith, t.LogpWithout)
				}
				expert[i] = append(expert[i], e)
			}
		}
		s.Free()
		m.Free()
	}
	adapter := "adapter"
	if c.Full {
		adapter = ""
	}
	m := load(c.Full, adapter)
	defer m.Free()
	step, err := m.NewStep(model.StepSpec{
		MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: o, Dual: true, Backward: true,
	})
	require.NoError(t, err)
	defer step.Free()
	adamw := train.AdamW{Beta1: c.Betas[0], Beta2: c.Betas[1], Epsilon: c.Eps, WeightDecay: c.WeightDecay, Clip: c.Clip}
	schedule := train.Schedule{LR: c.LR, Warmup: c.Warmup, Total: c.Steps, Decay: "cosine"}
	opt, err := train.NewOptimizer(g, m.Params, adamw, schedule)
	require.NoError(t, err)
	defer opt.Free()
	m.Params.ResetOptimizer()
	for s := range c.Steps {
		b := s % len(batches.Batches)
		samples := batches.Batches[b].Samples
		p := causal.Pack(samples, 0, true)
		var e []float32
		for i := range p.Targets {
			if o.Frozen() {
				e = append(e, expert[b][p.Sample[i]][2*p.Index[i]:][:2]...)
			}
		}
		z := train.Divisors(o, p.Responses(), p.Samples)
		opt.ZeroGrad()
		require.NoError(t, step.Run(ctx, p, e, kernels.Dyn{NormNTP: float32(z[0]), NormAlign: float32(z[1])}, nil))
		require.InDelta(t, want.Steps[s].LR, opt.LR(s), 1e-12)
		require.NoError(t, opt.Update(ctx, s))
		sums, err := step.ReadSums(ctx, 0)
		require.NoError(t, err)
		loss := train.LossOf(sums, z, o.Alpha)
		require.InDelta(t, want.Steps[s].Loss, loss.Total, 1e-3, "step %d", s)
		require.InDelta(t, want.Steps[s].NTP, loss.NTP, 1e-3, "step %d", s)
		require.InDelta(t, want.Steps[s].Align, loss.Align, 1e-3, "step %d", s)
		norms, err := opt.Norms(ctx)
		require.NoError(t, err)
		require.InEpsilon(t, want.Steps[s].GradNorm, norms[s].Value, 1e-3, "step %d", s)
		require.True(t, norms[s].Applied)
	}
	checkFinal(t, m, dir)
}

// checkFinal compares the parameters after the last step: relative error at most 1e-3 in norm.
func checkFinal(t *testing.T, m *model.Model, dir string) {
	ctx := context.Background()
	values, err := m.Params.ReadValues(ctx)
	require.NoError(t, err)
	f, err := weights.Open(ctx, blob.FromFS(os.DirFS(dir)), "final.safetensors")
	require.NoError(t, err)
	got := map[string][]float32{}
	if m.Full() {
		for i, e := range m.Params.Entries {
			got[e.Name] = values[i]
		}
	} else {
		for path, p := range m.AdapterFrom(values).Pairs {
			got["base_model.model."+path+".lora_A.weight"] = p.A
			got["base_model.model."+path+".lora_B.weight"] = p.B
		}
	}
	require.NotEmpty(t, f.Tensors())
	for _, info := range f.Tensors() {
		w, err := f.ReadF32(ctx, info.Name)
		require.NoError(t, err)
		v := got[info.Name]
		require.Len(t, v, len(w), info.Name)
		var diff, norm float64
		for i := range w {
			diff += math.Pow(float64(w[i]-v[i]), 2)
			norm += math.Pow(float64(w[i]), 2)
		}
		require.LessOrEqual(t, math.Sqrt(diff), 1e-3*math.Sqrt(norm), info.Name)
	}
}
