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

// bench holds what the tests share: a device, and a data set for the small models of testdata.
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
		Objective: o, Epochs: 3, BatchSize: 3, LR: 1e-2, Warmup: .1, Decay: "cosine",
		AdamW: train.DefaultAdamW(), Seed: 5, TokenBudget: 4096,
	}
}

// load loads a model of testdata/oracle.
func (b *bench) load(path string, o model.LoadOptions) *model.Model {
	store := blob.FromFS(os.DirFS("../../testdata/oracle"))
	m, err := model.Load(context.Background(), b.g, &b.tune, store, path, o)
	require.NoError(b.t, err)
	return m
}

// setup describes a run on a fresh model with a fresh adapter.
func (b *bench) setup(c train.Config) train.Setup {
	m := b.load("models/gqa", model.LoadOptions{})
	require.NoError(b.t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 8}, 3))
	return train.Setup{
		Model: m, GPU: b.g, Config: c,
		Data:   train.Data{Train: b.samples[:9], Heldout: b.samples[9:]},
		Saving: train.Saving{Checkpoints: train.Checkpoints{Store: b.store, Dir: "run"}, Every: 2},
	}
}

// run runs a setup that is valid.
func (b *bench) run(ctx context.Context, s train.Setup) (train.Result, error) {
	tr, err := train.New(s)
	require.NoError(b.t, err)
	return tr.Run(ctx)
}

func (b *bench) adapter(m *model.Model) map[string]weights.Pair {
	a, err := m.Adapter(context.Background())
	require.NoError(b.t, err)
	return a.Pairs
}

// TestResumeIsBitIdentical stops a run after every possible step and resumes it: the final adapter
// equals that of an unbroken run, bit for bit.
func TestResumeIsBitIdentical(t *testing.T) {
	b := newBench(t)
	c := b.config("nextquill-code")
	unbroken := b.setup(c)
	unbroken.Saving = train.Saving{}
	res, err := b.run(context.Background(), unbroken)
	require.NoError(t, err)
	require.Equal(t, 9, res.Steps)
	want := b.adapter(unbroken.Model)
	unbroken.Model.Free()

	for stop := 1; stop < res.Steps; stop++ {
		b.store = &blob.Mem{}
		s := b.setup(c)
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		s.Saving.Every = 1
		s.Events.Checkpoint = func(step int) {
			if steps = step; step >= stop {
				cancel()
			}
		}
		_, err := b.run(ctx, s)
		require.ErrorIs(t, err, fault.Cancelled)
		require.GreaterOrEqual(t, steps, stop)
		s.Model.Free()

		s = b.setup(c)
		s.Saving.Resume = true
		res, err := b.run(context.Background(), s)
		require.NoError(t, err)
		require.Equal(t, steps, res.Resumed)
		require.Equal(t, want, b.adapter(s.Model), "stopped after step %d", stop)
		s.Model.Free()
	}
}

// TestMicroBatchesDoNotChangeTheStep trains with a token budget that splits every step: the losses
// are the same up to rounding, also for divisors that need all of a step's weights first.
func TestMicroBatchesDoNotChangeTheStep(t *testing.T) {
	b := newBench(t)
	for _, preset := range []string{"nextquill-code", "mce", "dce"} {
		losses := map[int][]float64{}
		for _, budget := range []int{4096, 48} {
			c := b.config(preset)
			c.TokenBudget, c.Objective.Delta = budget, -.002
			s := b.setup(c)
			s.Saving = train.Saving{}
			s.Events.Step = func(s train.Stats) {
				losses[budget] = append(losses[budget], s.Loss)
				require.True(t, s.Applied)
			}
			_, err := b.run(context.Background(), s)
			require.NoError(t, err)
			s.Model.Free()
		}
		require.Len(t, losses[48], 9)
		require.InDeltaSlice(t, losses[4096], losses[48], 2e-3, preset)
	}
}

func TestTrainingLowersTheLoss(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	c.Epochs, c.LR = 30, 3e-2
	s := b.setup(c)
	defer s.Model.Free()
	var first, last float64
	s.Events.Step = func(s train.Stats) {
		if s.Step == 1 {
			first = s.Loss
		}
		last = s.Loss
	}
	_, err := b.run(context.Background(), s)
	require.NoError(t, err)
	require.Less(t, last, first/2)
}

// TestPatience stops early and leaves the best parameters on the model.
func TestPatience(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	c.Epochs, c.LR, c.EvalEvery, c.Patience = 100, .1, 2, 2
	s := b.setup(c)
	defer s.Model.Free()
	res, err := b.run(context.Background(), s)
	require.NoError(t, err)
	require.True(t, res.Early)
	require.Less(t, res.Steps, 300)
	scorer, err := train.NewScorer(s.Model, train.Limits{Tokens: 512, Responses: 128}, false)
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
	s := b.setup(c)
	_, err := b.run(context.Background(), s)
	require.NoError(t, err)
	s.Model.Free()
	c.LR = 2e-2
	s = b.setup(c)
	defer s.Model.Free()
	s.Saving.Resume = true
	_, err = b.run(context.Background(), s)
	require.ErrorIs(t, err, fault.Mismatch)
	require.ErrorContains(t, err, "run/checkpoint: lr (saved 0.01, now 0.02): not the same as in the run")
}

// failing is a store whose writes fail after the first ones.
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

// TestFullDiskKeepsTheNewestCheckpoint makes each write fail in turn.
func TestFullDiskKeepsTheNewestCheckpoint(t *testing.T) {
	b := newBench(t)
	c := b.config("contextsft")
	for writes := range 4 {
		s := b.setup(c)
		s.Saving.Checkpoints.Store = &failing{&blob.Mem{}, writes}
		_, err := b.run(context.Background(), s)
		require.ErrorIs(t, err, fault.Storage)
		s.Model.Free()
		ck, err := s.Saving.Checkpoints.Load(context.Background())
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
	valid := b.setup(b.config("contextsft"))
	defer valid.Model.Free()
	frozen, err := causal.Preset("nextquill")
	require.NoError(t, err)
	frozen.Expert = "expert"
	for name, change := range map[string]func(*train.Setup){
		"no samples":        func(s *train.Setup) { s.Data.Train = nil },
		"no epochs":         func(s *train.Setup) { s.Config.Epochs = 0 },
		"a wild rate":       func(s *train.Setup) { s.Config.LR = 1e6 },
		"unknown decay":     func(s *train.Setup) { s.Config.Decay = "step" },
		"no expert records": func(s *train.Setup) { s.Config.Objective = frozen },
		"short expert records": func(s *train.Setup) {
			s.Config.Objective, s.Data.Expert = frozen, make([][]float32, 9)
		},
	} {
		s := valid
		change(&s)
		_, err := train.New(s)
		var f *fault.Error
		require.True(t, errors.As(err, &f), name)
	}
	_, err = train.New(valid)
	require.NoError(t, err)
	valid.Model.Use(nil)
	_, err = train.New(valid)
	require.ErrorIs(t, err, fault.Missing)
}
