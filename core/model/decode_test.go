//go:build !wasm

package model_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

const oracle = "../../testdata/oracle"

func load(t *testing.T, g *gpu.Context, store blob.Store, name string) *model.Model {
	t.Helper()
	tune := kernels.DefaultTune(g.Info())
	m, err := model.Load(context.Background(), g, &tune, store, "models/"+name, model.LoadOptions{})
	require.NoError(t, err)
	return m
}

// TestLogitsMatchTransformers decodes the golden sequences token by token, through
// the KV cache, and compares the logits at every position.
func TestLogitsMatchTransformers(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	models, err := filepath.Glob(oracle + "/models/*")
	require.NoError(t, err)
	require.NotEmpty(t, models)
	for _, dir := range models {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			f, err := weights.Open(ctx, store, "logits/"+name+".safetensors")
			require.NoError(t, err)
			want, err := f.ReadF32(ctx, "logits")
			require.NoError(t, err)
			ids := goldenIDs(t, name)
			m := load(t, g, store, name)
			defer m.Free()
			vocab := m.Config.VocabSize
			for _, n := range []int{1, 7, len(ids)} {
				d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: n, MaxNew: 1})
				require.NoError(t, err)
				require.NoError(t, d.Start(ctx, ids[:n], nil, greedy, 0, nil))
				got, err := d.Logits(ctx)
				require.NoError(t, err)
				for v := range vocab {
					require.InDelta(t, want[(n-1)*vocab+v], got[0][v], 1e-3, "position %d token %d", n-1, v)
				}
				d.Free()
			}
		})
	}
}

func goldenIDs(t *testing.T, name string) []int32 {
	t.Helper()
	var all map[string][]int32
	readJSON(t, oracle+"/logits/ids.json", &all)
	require.NotEmpty(t, all[name])
	return all[name]
}

// TestGreedyMatchesTransformers compares 64 greedy tokens on each of ten prompts.
func TestGreedyMatchesTransformers(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	var golden map[string][]struct{ Prompt, Tokens []int32 }
	readJSON(t, oracle+"/logits/greedy.json", &golden)
	require.NotEmpty(t, golden)
	for name, rows := range golden {
		t.Run(name, func(t *testing.T) {
			m := load(t, g, store, name)
			defer m.Free()
			d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 16, MaxNew: len(rows[0].Tokens)})
			require.NoError(t, err)
			defer d.Free()
			for _, row := range rows {
				require.NoError(t, d.Start(ctx, row.Prompt, nil, greedy, 0, nil))
				for d.Count() < len(row.Tokens) {
					require.NoError(t, d.Next(ctx, 0))
				}
				sampled, err := d.Sampled(ctx, 0)
				require.NoError(t, err)
				var got []int32
				for _, s := range sampled {
					got = append(got, int32(s.ID))
				}
				require.Equal(t, row.Tokens, got, "prompt %v", row.Prompt)
			}
		})
	}
}

// TestEndsAreNotFirst checks that the first token is the likeliest that is no end token, and that
// later tokens may be end tokens.
func TestEndsAreNotFirst(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	m := load(t, g, store, "gqa")
	defer m.Free()
	write := func(ends ...int32) (tokens []int32, logits []float32) {
		d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 4, MaxNew: 3, Ends: ends})
		require.NoError(t, err)
		defer d.Free()
		require.NoError(t, d.Start(ctx, []int32{1, 2, 3, 4}, nil, greedy, 0, nil))
		rows, err := d.Logits(ctx)
		require.NoError(t, err)
		for d.Count() < 3 {
			require.NoError(t, d.Next(ctx, 0))
		}
		sampled, err := d.Sampled(ctx, 0)
		require.NoError(t, err)
		for _, s := range sampled {
			tokens = append(tokens, int32(s.ID))
		}
		return tokens, rows[0]
	}
	free, logits := write()
	order := make([]int32, len(logits))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
	require.Equal(t, order[0], free[0])

	barred, _ := write(order[0], order[1], 1<<20) // the last one is not a token of the model
	require.Equal(t, order[2], barred[0])
	require.NotEqual(t, free[0], free[1])
	later, _ := write(free[1])
	require.Equal(t, free, later)
}

// TestCacheEqualsPacked generates with both branches in a cache and compares each
// token's log-probability with that of the packed forward pass over the result.
func TestCacheEqualsPacked(t *testing.T) {
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	all := kernels.DefaultTune(g.Info())
	shared := all
	shared.Linear = kernels.LinearVariant{Tiled: true, Rows: 4, Columns: 4}
	for _, c := range []struct {
		name, model string
		tune        kernels.Tune
		options     model.LoadOptions
		adapter     []string // targets
	}{
		{"gqa", "gqa", all, model.LoadOptions{}, nil},
		{"qwen2", "qwen2", all, model.LoadOptions{}, nil},
		{"qwen3", "qwen3", all, model.LoadOptions{}, nil},
		{"full", "qwen2", all, model.LoadOptions{Full: true}, nil},
		{"q4", "gqa", all, model.LoadOptions{Base: "q4"}, nil},
		{"for-gpus", "qwen3", shared, model.LoadOptions{Base: "q8"}, []string{"all"}},
		{"adapter", "qwen2", all, model.LoadOptions{}, []string{"all"}},
		{"adapter-q4", "qwen3", all, model.LoadOptions{Base: "q4"}, []string{"all"}},
		{"adapter-in-part", "gqa", all, model.LoadOptions{}, []string{"q_proj", "v_proj", "up_proj", "down_proj"}},
		{"adapter-bias", "scaled", all, model.LoadOptions{Base: "f16"}, []string{"k_proj", "o_proj"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := model.Load(context.Background(), g, &c.tune, store, "models/"+c.model, c.options)
			require.NoError(t, err)
			defer m.Free()
			if c.adapter != nil {
				attachRandom(t, m, c.adapter)
			}
			cacheEqualsPacked(t, m)
		})
	}
}

// attachRandom attaches an adapter of random factors to layers of these names, or to all.
func attachRandom(t *testing.T, m *model.Model, targets []string) {
	t.Helper()
	spec := model.LoRASpec{Rank: 6, Alpha: 12}
	if targets[0] != "all" {
		spec.Targets = targets
	}
	require.NoError(t, m.AttachLoRA(spec, 1))
	r := rand.New(rand.NewPCG(2, 2))
	for i, e := range m.Params.Entries {
		v := make([]float32, e.Rows*e.Columns)
		for j := range v {
			v[j] = float32(r.NormFloat64()) / 8
		}
		m.Params.Set(i, v)
	}
}

func cacheEqualsPacked(t *testing.T, m *model.Model) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 1))
	ids := func(n int) []int32 {
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(r.IntN(m.Config.VocabSize))
		}
		return v
	}
	prefix := ids(4)
	with := append(append([]int32{}, prefix...), ids(9)...)
	without := append(append([]int32{}, prefix...), ids(3)...)
	for _, dual := range []bool{false, true} {
		const n = 12
		d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: len(with) + len(without), MaxNew: n, Dual: dual})
		require.NoError(t, err)
		p := kernels.SampleParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1}
		if dual {
			p.Steer = .5
		}
		require.NoError(t, d.Start(ctx, with, without, p, 7, nil))
		for d.Count() < n {
			require.NoError(t, d.Next(ctx, 7))
		}
		tokens, err := d.Sampled(ctx, 0)
		require.NoError(t, err)
		logits, err := d.Logits(ctx)
		require.NoError(t, err)
		d.Free()
		require.Len(t, tokens, n)

		s := causal.Sample{With: with, Without: without}
		for _, tok := range tokens {
			s.Response = append(s.Response, int32(tok.ID))
		}
		step, err := m.NewStep(model.StepSpec{MaxTokens: 256, MaxResponses: 64, Objective: plain(t), Dual: true})
		require.NoError(t, err)
		packed := causal.Pack([]causal.Sample{s}, 0, true)
		require.NoError(t, step.Run(ctx, packed, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, nil))
		records, err := step.Tokens(ctx, n)
		require.NoError(t, err)
		step.Free()
		for i, tok := range tokens {
			require.InDelta(t, records[i].LogpWith, tok.LogP, 1e-4, "token %d dual %v", i, dual)
		}
		if dual {
			last := records[n-1]
			require.InDelta(t, last.LogpWithout, logp(logits[1], int(tokens[n-1].ID)), 1e-4)
		}
	}
}

func plain(t *testing.T) causal.Options {
	o, err := causal.Preset("contextsft")
	require.NoError(t, err)
	return o
}

func logp(logits []float32, id int) float64 {
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z))
	}
	return float64(logits[id]) - math.Log(sum)
}

// CompileAhead compiles all kernels of the decoder, with an adapter and without one, and changes
// nothing else.
func TestCompileAhead(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS(oracle))
	for _, adapter := range []string{"", "adapters/plain/adapter"} {
		g := nativetest.Open(t, store)
		tune := kernels.DefaultTune(g.Info())
		spec := model.DecodeSpec{MaxPrompt: 5, MaxNew: 3, Dual: adapter != ""}
		add := func(m *model.Model) (a *model.Adapter) {
			if adapter == "" {
				return nil
			}
			read, err := weights.ReadAdapter(ctx, store, adapter)
			require.NoError(t, err)
			a, err = m.AddAdapter(read, false)
			require.NoError(t, err)
			return a
		}
		var live int64
		m, err := model.LoadWith(ctx, g, &tune, store, "models/gqa", model.LoadOptions{}, func(m *model.Model) error {
			a := add(m)
			before := g.LiveBytes()
			require.NoError(t, m.CompileAhead(spec, a))
			require.Equal(t, before, g.LiveBytes())
			require.Nil(t, m.Active())
			if a != nil {
				m.RemoveAdapter(a)
			}
			live = g.LiveBytes()
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, live, g.LiveBytes(), "what loading needs exists only while loading")
		m.Use(add(m))
		g.OnCompile = func(int, int) error {
			t.Error("a kernel was not compiled ahead")
			return nil
		}
		d, err := m.NewDecoder(spec)
		require.NoError(t, err)
		require.NoError(t, d.Start(ctx, []int32{1, 2, 3}, []int32{1, 3}, greedy, 0, nil))
		d.Free()
		m.Free()
	}
}
