//go:build !wasm

package train_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// bench is a small model and a data set to train it on.
type bench struct {
	t       *testing.T
	g       *gpu.Context
	store   *blob.Mem
	tune    kernels.Tune
	samples []causal.Sample
}

func newBench(t *testing.T) *bench {
	g := nativetest.Open(t, blob.FromFS(os.DirFS("../../testdata/oracle")))
	b := &bench{t: t, g: g, store: &blob.Mem{}, tune: kernels.DefaultTune(g.Info())}
	r := rand.New(rand.NewPCG(1, 2))
	ids := func(n int) []int32 {
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(r.IntN(97))
		}
		return v
	}
	for range 11 {
		prefix := ids(3)
		b.samples = append(b.samples, causal.Sample{
			With:     append(append([]int32{}, prefix...), ids(2+r.IntN(9))...),
			Without:  append(append([]int32{}, prefix...), ids(2)...),
			Response: ids(1 + r.IntN(7)),
		})
	}
	return b
}

func (b *bench) config(preset string) train.Config {
	o, err := causal.Preset(preset)
	require.NoError(b.t, err)
	return train.Config{
		Objective: o, Epochs: 3, BatchSize: 3, LR: 1e-2, Warmup: .1, Decay: "cosine", AdamW: train.DefaultAdamW, Seed: 5, TokenBudget: 4096,
	}
}

// trainer gives a trainer on a fresh model with a fresh adapter.
func (b *bench) trainer(c train.Config) (*train.Trainer, *model.Model) {
	m, err := model.Load(context.Background(), b.g, &b.tune, blob.FromFS(os.DirFS("../../testdata/oracle")), "models/gqa", model.LoadOptions{})
	require.NoError(b.t, err)
	require.NoError(b.t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 8}, 3))
	return &train.Trainer{
		Model: m, GPU: b.g, Store: b.store, Dir: "run", CheckpointEvery: 2, Config: c,
		Train: b.samples[:9], Heldout: b.samples[9:],
	}, m
}

func (b *bench) adapter(m *model.Model) map[string]weights.Pair {
	a, err := m.Adapter(context.Background())
	require.NoError(b.t, err)
	return a.Pairs
}

// TestResumeIsBitIdentical stops a run after every possible step and resumes it:
// the final adapter equals that of an unbroken run, bit for bit.
func TestResumeIsBitIdentical(t *testing.T) {
	b := newBench(t)
	c := b.config("nextquill-code")
	whole, m := b.trainer(c)
	whole.Store = nil
	res, err := whole.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, 9, res.Steps)
	want := b.adapter(m)
	m.Free()

	for stop := 1; stop < res.Steps; stop++ {
		b.store = &blob.Mem{}
		tr, m := b.trainer(c)
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		tr.CheckpointEvery = 1
		tr.OnCheckpoint = func(step int) {
			if steps = step; step >= stop {
				cancel()
			}
		}
		_, err := tr.Run(ctx)
		require.ErrorIs(t, err, fault.Cancelled)
		require.GreaterOrEqual(t, steps, stop)
		m.Free()

		tr, m = b.trainer(c)
		tr.Resume = true
		res, err := tr.Run(context.Background())
		require.NoError(t, err)
		require.Equal(t, steps, res.Resumed)
		require.Equal(t, want, b.adapter(m), "stopped after step %d", stop)
		m.Free()
	}
}

// TestMicroBatchesDoNotChangeTheStep trains with a token budget that cuts every
// step: the same losses up to rounding, for divisors that need all of a step's
// weights first too.
func TestMicroBatchesDoNotChangeTheStep(t *testing.T) {
	b := newBench(t)
	for _, preset := range []string{"nextquill-code", "mce", "dce"} {
		losses := map[int][]float64{}
		for _, budget := range []int{4096, 48} {
			c := b.config(preset)
			c.TokenBudget, c.Objective.Delta = budget, -.002
			tr, m := b.trainer(c)
			tr.Store = nil
			tr.OnStep = func(s train.Stats) {
				losses[budget] = append(losses[budget], s.Loss)
				require.True(t, s.Applied)
			}
			_, err := tr.Run(context.Background())
			require.NoError(t, err)
			m.Free()
		}
		require.Len(t, losses[48], 9)
		require.InDeltaSlice(t, losses[4096], losses[48], 2e-3, preset)
	}
}

func TestTrainingLowersTheLoss(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	c.Epochs, c.LR = 30, 3e-2
	tr, m := b.trainer(c)
	defer m.Free()
	var first, last float64
	tr.OnStep = func(s train.Stats) {
		if s.Step == 1 {
			first = s.Loss
		}
		last = s.Loss
	}
	_, err := tr.Run(context.Background())
	require.NoError(t, err)
	require.Less(t, last, first/2)
}

// TestPatience stops early and leaves the best parameters on the model.
func TestPatience(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	c.Epochs, c.LR, c.EvalEvery, c.Patience = 100, .1, 2, 2
	tr, m := b.trainer(c)
	defer m.Free()
	res, err := tr.Run(context.Background())
	require.NoError(t, err)
	require.True(t, res.Early)
	require.Less(t, res.Steps, 300)
	scorer, err := train.NewScorer(m, train.Limits{Tokens: 512, Responses: 128}, false)
	require.NoError(t, err)
	defer scorer.Free()
	records, err := scorer.Score(context.Background(), b.samples[9:], nil)
	require.NoError(t, err)
	loss, _ := train.Loss(records)
	require.InDelta(t, res.Heldout, loss, 1e-6)
}

func TestCheckpointOfAnotherRunIsRefused(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	tr, m := b.trainer(c)
	_, err := tr.Run(context.Background())
	require.NoError(t, err)
	m.Free()
	c.LR = 2e-2
	tr, m = b.trainer(c)
	defer m.Free()
	tr.Resume = true
	_, err = tr.Run(context.Background())
	require.ErrorIs(t, err, fault.Mismatch)
}

// failing is a store whose writes fail from some point on.
type failing struct {
	*blob.Mem
	left int
}

func (f *failing) Write(ctx context.Context, name string, data []byte) error {
	if f.left--; f.left < 0 {
		return fault.New(fault.Storage, name, "", "no space left on device")
	}
	return f.Mem.Write(ctx, name, data)
}

// TestFullDiskKeepsTheNewestCheckpoint lets each write in turn fail.
func TestFullDiskKeepsTheNewestCheckpoint(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	for writes := range 4 {
		store := &failing{&blob.Mem{}, writes}
		tr, m := b.trainer(c)
		tr.Store = store
		_, err := tr.Run(context.Background())
		require.ErrorIs(t, err, fault.Storage)
		m.Free()
		ck, err := train.LoadCheckpoint(context.Background(), store, "run")
		require.NoError(t, err)
		if writes == 0 {
			require.Nil(t, ck)
			continue
		}
		require.Equal(t, 2*writes, ck.Step)
	}
}

func TestBadSettings(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*train.Trainer){
		"no samples":    func(tr *train.Trainer) { tr.Train = nil },
		"no epochs":     func(tr *train.Trainer) { tr.Config.Epochs = 0 },
		"a wild rate":   func(tr *train.Trainer) { tr.Config.LR = 1e6 },
		"unknown decay": func(tr *train.Trainer) { tr.Config.Decay = "step" },
	} {
		tr, m := b.trainer(b.config("contextsft"))
		change(tr)
		_, err := tr.Run(context.Background())
		var f *fault.Error
		require.True(t, errors.As(err, &f), name)
		m.Free()
	}
}
