//go:build peft && !wasm

package train_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
	"nextquill/native/dirstore"
	"nextquill/native/nativetest"
)

// computed holds our results for a model with the trained adapter. PEFT must reproduce them.
type computed struct {
	Model  string            `json:"model"` // absolute
	IDs    []int32           `json:"ids"`
	Logits map[int][]float32 `json:"logits"` // after so many ids
	Greedy []continuation    `json:"greedy"`
}

type continuation struct {
	Prompt []int32 `json:"prompt"`
	Tokens []int32 `json:"tokens"`
}

// TestPEFTLoadsOurAdapters trains an adapter on models of each family, writes it, and has PEFT load
// it: the logits are the same, and so are 64 greedy tokens on each of ten prompts. It needs Python
// with peft:
//
//	NEXTQUILL_PYTHON=VENV/bin/python go test -tags peft -run TestPEFTLoadsOurAdapters ./core/train
func TestPEFTLoadsOurAdapters(t *testing.T) {
	python := os.Getenv("NEXTQUILL_PYTHON")
	require.NotEmpty(t, python, "set NEXTQUILL_PYTHON to a Python with testdata/oracle/requirements.txt")
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	out := t.TempDir()
	g := nativetest.Open(t, blob.FromFS(os.DirFS(root)))
	tune := kernels.DefaultTune(g.Info())
	threeLayers := []string{"q_proj", "v_proj", "down_proj"}
	for folder, spec := range map[string]model.LoRASpec{
		"testdata/oracle/models/gqa":    {Rank: 4, Alpha: 8},
		"testdata/oracle/models/odd":    {Rank: 5, Alpha: 3, RSLoRA: true, Targets: threeLayers},
		"testdata/oracle/models/half":   {Rank: 7, Alpha: 14, Targets: []string{"self_attn.o_proj", "gate_proj"}},
		"testdata/oracle/models/qwen2":  {Rank: 2, Alpha: 4},
		"testdata/oracle/models/qwen3":  {Rank: 6, Alpha: 12, RSLoRA: true},
		"testdata/oracle/models/scaled": {Rank: 3, Alpha: 9, Targets: []string{"model.layers.1.mlp.up_proj", "k_proj"}},
		"models/default":                {Rank: 8, Alpha: 16},
	} {
		ctx := context.Background()
		m, err := model.Load(ctx, g, &tune, blob.FromFS(os.DirFS(root)), folder, model.LoadOptions{})
		require.NoError(t, err)
		require.NoError(t, m.AttachLoRA(spec, 3))
		r := rand.New(rand.NewPCG(7, 7))
		ids := func(n int) []int32 {
			v := make([]int32, n)
			for i := range v {
				v[i] = int32(r.IntN(m.Config.VocabSize))
			}
			return v
		}
		setup := train.Setup{Model: m, GPU: g, Config: train.Config{
			Epochs: 20, BatchSize: 4, LR: 2e-2, Decay: "constant", AdamW: train.DefaultAdamW(),
			TokenBudget: 4096,
		}}
		setup.Config.Objective, err = causal.Preset("nextquill-code")
		require.NoError(t, err)
		for range 4 {
			setup.Data.Train = append(setup.Data.Train, causal.Sample{With: ids(9), Without: ids(4), Response: ids(8)})
		}
		trainer, err := train.New(setup)
		require.NoError(t, err)
		_, err = trainer.Run(ctx)
		require.NoError(t, err)

		c := computed{Model: filepath.Join(root, folder), IDs: ids(30), Logits: map[int][]float32{}}
		for _, n := range []int{1, 7, 30} {
			d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: n, MaxNew: 1})
			require.NoError(t, err)
			greedy := kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}
			require.NoError(t, d.Start(ctx, c.IDs[:n], nil, greedy, 0, nil))
			z, err := d.Logits(ctx)
			require.NoError(t, err)
			c.Logits[n] = z[0]
			d.Free()
		}
		for range 10 {
			c.Greedy = append(c.Greedy, greedy(t, m, ids(1+r.IntN(12))))
		}
		a, err := m.Adapter(ctx)
		require.NoError(t, err)
		m.Free()
		a.BaseModel, a.Provenance = c.Model, weights.Provenance{Template: "plain", Base: m.Base()}
		store, err := dirstore.Open(filepath.Join(out, filepath.Base(folder)))
		require.NoError(t, err)
		require.NoError(t, weights.WriteAdapter(ctx, store, "adapter", a))
		raw, err := json.Marshal(c)
		require.NoError(t, err)
		require.NoError(t, store.Write(ctx, "computed.json", raw))
	}
	said, err := exec.Command(python, filepath.Join(root, "testdata/oracle/peft_compare.py"), out).CombinedOutput()
	t.Logf("%s", said)
	require.NoError(t, err)
}

func greedy(t *testing.T, m *model.Model, prompt []int32) continuation {
	t.Helper()
	const n = 64
	ctx := context.Background()
	d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: len(prompt), MaxNew: n})
	require.NoError(t, err)
	defer d.Free()
	require.NoError(t, d.Start(ctx, prompt, nil, kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}, 0, nil))
	for d.Count() < n {
		require.NoError(t, d.Next(ctx, 0))
	}
	sampled, err := d.Sampled(ctx, 0)
	require.NoError(t, err)
	c := continuation{Prompt: prompt}
	for _, s := range sampled {
		c.Tokens = append(c.Tokens, int32(s.ID))
	}
	return c
}
