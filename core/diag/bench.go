package diag

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
)

// benchJob is a request of "bench".
type benchJob struct {
	*engine.Env
	request api.BenchParams
}

// bench times training steps, kernels or base formats.
func bench(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &benchJob{env, api.BenchParams{Prefix: 200, History: 1000, Suffix: 60, Response: 200}}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	if err := j.check(); err != nil {
		return nil, err
	}
	r := &api.BenchResult{Device: env.GPU.Info().Name}
	var err error
	if len(j.request.Bases) > 0 {
		r.Bases, err = j.compareBases(ctx)
	} else {
		err = j.time(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	r.PeakBytes = env.GPU.PeakBytes()
	return r, nil
}

// check refuses presets that cannot be timed.
func (j *benchJob) check() error {
	for _, name := range j.presets() {
		o, err := causal.Preset(name)
		if err != nil {
			return err
		}
		if o.Frozen() {
			return fault.New(fault.Unsupported, "bench", "presets", "%s needs a frozen adapter", name).
				WithRemedy("use nextquill-code, which does the same work")
		}
	}
	return nil
}

// time opens the model, and times the fastest matrix product, steps and kernels.
func (j *benchJob) time(ctx context.Context, r *api.BenchResult) error {
	p := &j.request
	samples, err := j.samples(ctx, math.MaxInt32, math.MaxInt32) // as large as those that are timed
	if err != nil {
		return err
	}
	options := model.LoadOptions{Full: p.Full, Base: p.Base, Positions: j.positions()}
	writing := randomPrompts(2, p.Prefix, true) // the tokens do not matter here
	spec := writing.spec()
	needs := func(bool, int) []model.Needs {
		steps := j.needs(samples)
		return []model.Needs{steps, {LoRA: steps.LoRA, Decode: &spec}}
	}
	w := engine.Workload{Dir: p.Model, Options: options, Needs: needs}
	if _, err := j.CheckMemory(ctx, p.Loading, w); err != nil {
		return err
	}
	m, err := j.OpenModel(ctx, p.Model, "", options)
	if err != nil {
		return err
	}
	defer m.Free()
	if !p.Full {
		if err := m.AttachLoRA(*engine.LoRASpec(p.LoRA), 1); err != nil {
			return err
		}
	}
	tune, err := j.Tune(ctx)
	if err != nil {
		return err
	}
	if !p.StepsOnly {
		if r.MatmulGFLOPS, err = kernels.MatmulBest(ctx, j.GPU, tune); err != nil {
			return err
		}
	}
	if err := j.steps(ctx, m.Model, r); err != nil || p.StepsOnly {
		return err
	}
	for _, dual := range []bool{false, true} {
		d, err := timeDecode(ctx, j.Env, m.Model, randomPrompts(m.Config.VocabSize, p.Prefix, dual))
		if err != nil {
			return err
		}
		r.Decode = append(r.Decode, d)
	}
	return nil
}

// positions is the length of the random sample in tokens.
func (j *benchJob) positions() int {
	p := &j.request
	return p.Prefix + p.History + p.Suffix + p.Response
}

func (j *benchJob) repeats() int { return api.Or(j.request.Repeats, 5) }

// presets are the presets to time; by default one with one branch, and one with two.
func (j *benchJob) presets() []string {
	if len(j.request.Presets) == 0 {
		return []string{"contextsft", "nextquill-code"}
	}
	return j.request.Presets
}

// samples are those of the batch, or a random one.
func (j *benchJob) samples(ctx context.Context, vocab, positions int) ([]causal.Sample, error) {
	if j.request.Batch == "" {
		return []causal.Sample{j.randomSample(vocab)}, nil
	}
	batch, err := dataset.ReadBatch(ctx, j.Blobs, j.request.Batch, vocab, positions)
	return batch.Windows, err
}

// randomSample has random tokens of the requested lengths. The erased history has four tokens, as a
// template's "None" has.
func (j *benchJob) randomSample(vocab int) causal.Sample {
	rng := rand.New(rand.NewPCG(1, 1))
	ids := func(n int) []int32 { return randomIDs(rng, n, vocab) }
	p := &j.request
	prefix, suffix := ids(p.Prefix), ids(p.Suffix)
	with := slices.Concat(prefix, ids(p.History), suffix)
	without := slices.Concat(prefix, ids(4), suffix)
	return causal.Sample{With: with, Without: without, Response: ids(p.Response)}
}

// randomIDs returns n random tokens.
func randomIDs(rng *rand.Rand, n, vocab int) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(rng.IntN(vocab))
	}
	return v
}

// needs is the memory of the steps, which are on the device at the same time.
func (j *benchJob) needs(samples []causal.Sample) model.Needs {
	var n model.Needs
	if !j.request.Full {
		n.LoRA = engine.LoRASpec(j.request.LoRA)
	}
	for _, preset := range j.presets() {
		_, spec := pack(preset, samples, j.request.Recompute)
		n.Steps = append(n.Steps, spec)
	}
	return n
}
