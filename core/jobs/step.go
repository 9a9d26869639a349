package jobs

import (
	"context"
	"encoding/json"
	"path"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/train"
	"nextquill/core/weights"
)

// stepJob is a request of "step" with what is derived from it.
type stepJob struct {
	env       *engine.Env
	request   api.StepParams
	objective causal.Options
	batch     dataset.Batch
	limits    train.Limits
	recompute bool
}

// step runs one forward and backward pass, and writes the gradients.
func step(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &stepJob{env: env}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	p := &j.request
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	options := model.LoadOptions{Full: p.Full, Base: p.Base}
	if err := j.checkMemory(ctx, options); err != nil {
		return nil, err
	}
	m, err := env.OpenModel(ctx, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	if p.Adapter != "" {
		if _, err := m.TrainAdapter(ctx, p.Adapter); err != nil {
			return nil, err
		}
	}
	var expert [][]float32
	if j.objective.Frozen() {
		if expert, err = expertRecords(ctx, m, j.objective.Expert, j.batch.Windows, j.limits, nil); err != nil {
			return nil, err
		}
	}
	result, err := j.run(ctx, m.Model, expert)
	if err != nil {
		return nil, err
	}
	return result, j.save(ctx, m.Model, result)
}

// prepare reads the objective and the batch.
func (j *stepJob) prepare(ctx context.Context) error {
	p, store := &j.request, j.env.Blobs
	raw, err := blob.ReadAll(ctx, store, p.Options, dataset.MaxBatchBlob)
	if err != nil {
		return err
	}
	if j.objective, err = causal.ParseOptions(p.Options, raw); err != nil {
		return err
	}
	if j.objective.Frozen() { // the options name the folder of θ_D relative to their own
		j.objective.Expert = path.Join(path.Dir(p.Options), j.objective.Expert)
	}
	cfg, err := weights.ReadModelConfig(ctx, store, p.Model)
	if err != nil {
		return err
	}
	if j.batch, err = dataset.ReadBatch(ctx, store, p.Batch, cfg.VocabSize, cfg.MaxPositions); err != nil {
		return err
	}
	if p.Adapter == "" && !p.Full {
		return fault.New(fault.Missing, "step", "adapter", "there is no adapter to compute gradients for").
			WithRemedy("name an adapter, or take the gradients of all weights with --full")
	}
	j.limits = train.Fit(j.batch.Windows, true, api.Or(p.TokenBudget, api.DefaultTokenBudget), len(j.batch.Windows))
	return nil
}

// checkMemory refuses a step that does not fit, and decides whether to recompute activations.
func (j *stepJob) checkMemory(ctx context.Context, options model.LoadOptions) (err error) {
	p, n := &j.request, model.Needs{}
	if p.Adapter != "" {
		if n.Train, err = weights.ReadAdapter(ctx, j.env.Blobs, p.Adapter); err != nil {
			return err
		}
	}
	expert := n
	expert.Steps = []model.StepSpec{train.ScoreSpec(j.limits, true)}
	if j.objective.Frozen() {
		if expert.Frozen, err = weights.ReadAdapter(ctx, j.env.Blobs, j.objective.Expert); err != nil {
			return err
		}
	}
	j.recompute, err = j.env.CheckMemory(ctx, p.Loading, engine.Workload{
		Dir: p.Model, Options: options,
		Needs: func(recompute bool, _ int) []model.Needs {
			n.Steps = []model.StepSpec{j.spec(recompute)}
			if j.objective.Frozen() {
				return []model.Needs{n, expert}
			}
			return []model.Needs{n}
		},
		// Another token budget gives other micro-batches, and so other bits.
		Trains: true, Recompute: p.Recompute, FixedBudget: true,
	})
	return err
}

func (j *stepJob) spec(recompute bool) model.StepSpec {
	return model.StepSpec{
		MaxTokens: j.limits.Tokens, MaxResponses: j.limits.Responses,
		Objective: j.objective, Dual: true, Backward: true, Recompute: recompute,
	}
}

// run does one forward and backward pass over all windows as one batch. The gradients stay in
// m.Params. expert has the records of θ_D, if it is frozen.
func (j *stepJob) run(ctx context.Context, m *model.Model, expert [][]float32) (*api.StepResult, error) {
	packs, err := causal.MicroBatches(j.batch.Windows, true, j.limits.Tokens, j.limits.Responses)
	if err != nil {
		return nil, err
	}
	s, err := m.NewStep(j.spec(j.recompute))
	if err != nil {
		return nil, err
	}
	defer s.Free()
	batch := train.Batch{Samples: j.batch.Windows, Expert: expert}
	pass := func() (*model.Step, error) { return s, nil }
	z, err := batch.Divisors(ctx, j.objective, packs, pass, nil)
	if err != nil {
		return nil, err
	}
	m.Params.ResetOptimizer() // clears the gradients, also those of Divisors
	result := &api.StepResult{}
	for i, p := range packs {
		d := kernels.Dyn{NormNTP: float32(z[0]), NormAlign: float32(z[1])}
		if i > 0 {
			d.Accumulate = 1
		}
		if err := s.Run(ctx, p, batch.ExpertOf(p), d, nil); err != nil {
			return nil, err
		}
		tokens, err := s.Tokens(ctx, p.Responses())
		if err != nil {
			return nil, err
		}
		for k, t := range tokens {
			result.Tokens = append(result.Tokens, api.StepToken{
				Sample: j.batch.Sample[p.Sample[k]], T: j.batch.First[p.Sample[k]] + p.Index[k],
				ID:       int32(p.Targets[k]),
				LogpWith: float64(t.LogpWith), LogpWithout: float64(t.LogpWithout),
				DCE: float64(t.DCE), Omega: float64(t.Omega), CEMCE: float64(t.CEMCE),
			})
		}
	}
	sums, err := s.ReadSums(ctx, 0)
	if err != nil {
		return nil, err
	}
	l := train.LossOf(sums, z, j.objective.Alpha)
	result.Loss, result.NTPLoss, result.AlignLoss = l.Total, l.NTP, l.Align
	return result, nil
}

// save writes result.json and grads.safetensors.
func (j *stepJob) save(ctx context.Context, m *model.Model, result *api.StepResult) error {
	raw, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		return fault.New(fault.NaN, "step", "result", "holds a value that is not a number").WithCause(err)
	}
	out := j.request.Out
	if err := j.env.Blobs.Write(ctx, blob.Join(out, "result.json"), raw); err != nil {
		return err
	}
	grads, err := m.Gradients(ctx)
	if err != nil {
		return err
	}
	return weights.Write(ctx, j.env.Blobs, blob.Join(out, "grads.safetensors"), grads, nil)
}
