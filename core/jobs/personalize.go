package jobs

import (
	"cmp"
	"context"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/train"
	"nextquill/core/weights"
)

// personalizeJob is a request of "personalize" with what is derived from it.
type personalizeJob struct {
	env       *engine.Env
	request   api.PersonalizeParams
	objective causal.Options
	data      *dataset.Dataset
	samples   dataset.Samples // to train on
	own       int             // samples of Source; those of further writers follow
	heldout   dataset.Samples
	config    train.Config
	model     *engine.ModelRef

	baseName string // name of the base model that the adapter records
	origin   string // digest of the adapter that training starts from, else ""
	// remembered counts the datastore; nil without one.
	remembered *api.RememberResult
	expert     [][]float32 // records of the samples under a frozen θ_D, else nil
}

// personalize trains an adapter, or all weights.
func personalize(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &personalizeJob{env: env}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	if err := j.open(ctx); err != nil {
		return nil, err
	}
	defer j.model.Free()
	if err := j.attach(ctx); err != nil {
		return nil, err
	}
	if err := j.scoreExpert(ctx); err != nil {
		return nil, err
	}
	r, err := j.train(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.save(ctx); err != nil {
		return nil, err
	}
	out := api.PersonalizeResult{
		Steps: r.Steps, Tokens: r.Tokens, Seconds: r.Elapsed.Seconds(), Loss: r.Loss, Heldout: r.Heldout,
		Stopped: api.StoppedDone, PeakBytes: env.GPU.PeakBytes(), Resumed: r.Resumed,
		Skipped: j.samples.Counts.Skipped, Train: j.samples.Counts, Tested: j.heldout.Counts,
	}
	out.Remembered = j.remembered
	if r.Early {
		out.Stopped = api.StoppedEarly
	}
	return out, nil
}

// prepare reads and encodes the data, and checks the settings.
func (j *personalizeJob) prepare(ctx context.Context) (err error) {
	p, env := &j.request, j.env
	if j.objective, err = objective(p); err != nil {
		return err
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return err
	}
	if p.Full {
		if err := checkModelFiles(ctx, env.Blobs, p.Model); err != nil {
			return err
		}
	}
	template := env.TrainedTemplate(ctx, p.From, p.Template)
	if j.data, err = openData(ctx, env, p.Model, cfg, p.Source, template, p.Retrieval); err != nil {
		return err
	}
	d, noHistory := j.data, j.objective.NoHistory
	if j.samples, err = d.Samples(ctx, env.Pause, 0, d.Train, noHistory); err != nil {
		return err
	}
	if len(j.samples.Samples) == 0 {
		return fault.New(fault.TooLarge, p.Source.History, "", "none of %d items fits the prompt", d.Train).
			WithLimit("%d tokens", d.MaxPrompt).WithRemedy("shorten the contexts, or use a model with a longer context")
	}
	j.own = len(j.samples.Samples)
	if err := j.addWriters(ctx, cfg, template); err != nil {
		return err
	}
	if j.heldout, err = heldoutSamples(ctx, env, d, noHistory); err != nil {
		return err
	}
	if p.Datastore != nil && p.Full {
		return fault.New(fault.Unsupported, "personalize", "datastore", "cannot be combined with full fine-tuning").
			WithRemedy("train an adapter, or leave the datastore out")
	}
	j.config = trainConfig(p.Training, j.objective, len(j.samples.Samples))
	if err := j.config.Check(); err != nil {
		return err
	}
	return env.Emit(api.TextsEvent{Event: api.EventTexts, Train: j.samples.Counts, Heldout: j.heldout.Counts})
}

// objective is the objective that a request selects.
func objective(p *api.PersonalizeParams) (causal.Options, error) {
	o, err := causal.Preset(p.Preset)
	if err != nil {
		return o, err
	}
	if p.Override != nil {
		o = *p.Override
	}
	if p.Expert != "" {
		o.Expert = p.Expert
	}
	if o.Expert == causal.WantsExpert {
		return o, fault.New(fault.Missing, "personalize", "expert",
			"preset %s needs a frozen adapter θ_D for the token weights, and none is named", p.Preset).
			WithRemedy("train one with preset contextsft and name its folder, or use preset nextquill-code, " +
				"which needs none")
	}
	return o, o.Check("objective")
}

// trainConfig fills in the defaults of the training settings, for a number of samples.
func trainConfig(t api.Training, o causal.Options, samples int) train.Config {
	c := train.Config{
		Objective:   o,
		Epochs:      api.Or(t.Epochs, 3),
		BatchSize:   api.Or(t.BatchSize, api.DefaultBatchSize(samples)),
		LR:          api.Or(t.LR, 1e-3),
		Warmup:      api.Or(t.Warmup, .1),
		Decay:       cmp.Or(t.Decay, api.DecayCosine),
		AdamW:       train.DefaultAdamW(),
		Seed:        t.Seed,
		TokenBudget: api.Or(t.TokenBudget, api.DefaultTokenBudget),
		EvalEvery:   t.EvalEvery,
		Patience:    t.Patience,
	}
	c.AdamW.Clip = api.Or(t.Clip, c.AdamW.Clip)
	c.AdamW.WeightDecay = t.WeightDecay
	return c
}

// open checks the memory and opens the model. The caller frees it.
func (j *personalizeJob) open(ctx context.Context) (err error) {
	p := &j.request
	needs, err := j.needs(ctx)
	if err != nil {
		return err
	}
	options := model.LoadOptions{Full: p.Full, Base: p.Base}
	j.config.Recompute, err = j.env.CheckMemory(ctx, p.Loading, engine.Workload{
		Dir: p.Model, Options: options, Needs: needs,
		Trains: true, Recompute: p.Training.Recompute, TokenBudget: j.config.TokenBudget,
	})
	if err != nil {
		return err
	}
	j.model, err = j.env.OpenModel(ctx, p.Model, "", options)
	return err
}

// needs returns the memory of the training steps, and of scoring the samples under θ_D before them.
func (j *personalizeJob) needs(ctx context.Context) (func(bool, int) []model.Needs, error) {
	p, config := &j.request, j.config
	o := config.Objective
	steps := model.Needs{}
	if p.From != "" {
		a, err := weights.ReadAdapter(ctx, j.env.Blobs, p.From)
		if err != nil {
			return nil, err
		}
		steps.Train = a
	} else if !p.Full {
		steps.LoRA = engine.LoRASpec(p.LoRA)
	}
	expert, scores := steps, o.Dual() && (o.Frozen() || o.Weights == causal.Quantile)
	if o.Dual() && o.Frozen() {
		a, err := weights.ReadAdapter(ctx, j.env.Blobs, o.Expert)
		if err != nil {
			return nil, err
		}
		expert.Frozen = a
	}
	samples, heldout := j.samples.Samples, j.heldout.Samples
	return func(recompute bool, tokenBudget int) []model.Needs {
		c := config
		c.Recompute, c.TokenBudget = recompute, tokenBudget
		steps.Steps = c.StepSpecs(samples, heldout)
		out := []model.Needs{steps}
		if scores {
			limits := train.Fit(samples, true, tokenBudget, len(samples))
			expert.Steps = []model.StepSpec{train.ScoreSpec(limits, true)}
			out = append(out, expert)
		}
		if p.Datastore != nil {
			remember := steps
			remember.Steps, remember.Encode = nil, encodeNeeds(samples)
			out = append(out, remember)
			if p.Datastore.Fit {
				fit := fitNeeds(samples[:j.own], j.heldout)
				fit.LoRA, fit.Train = steps.LoRA, steps.Train
				out = append(out, fit)
			}
		}
		return out
	}, nil
}

// attach adds the adapter to train to the model, unless all weights train.
func (j *personalizeJob) attach(ctx context.Context) error {
	p := &j.request
	j.baseName = cmp.Or(p.BaseName, p.Model)
	if p.From == "" {
		if p.Full {
			return nil
		}
		return j.model.AttachLoRA(*engine.LoRASpec(p.LoRA), j.config.Seed)
	}
	if p.Full {
		return fault.New(fault.Unsupported, "personalize", "from",
			"names an adapter, but all weights are to be trained").
			WithRemedy("merge the adapter into the model and train that, or train the adapter alone")
	}
	if p.LoRA.Rank != nil || p.LoRA.Alpha != nil || len(p.LoRA.Targets) > 0 {
		return fault.New(fault.Mismatch, "personalize", "lora",
			"cannot be set: the adapter to start from has its own rank, alpha and targets").
			WithRemedy("leave rank, alpha and targets out")
	}
	a, err := j.model.TrainAdapter(ctx, p.From)
	if err != nil {
		return err
	}
	j.baseName = cmp.Or(a.BaseModel, j.baseName)
	j.origin = a.Digest()
	return nil
}

// scoreExpert scores the samples under θ_D if the objective needs that before training: if θ_D is a
// frozen adapter, or if δ is a quantile of the effects under θ_D.
func (j *personalizeJob) scoreExpert(ctx context.Context) (err error) {
	o, samples := j.objective, j.samples.Samples
	if !o.Dual() || !o.Frozen() && o.Weights != causal.Quantile { // as in needs
		return nil
	}
	limits := train.Fit(samples, true, j.config.TokenBudget, len(samples))
	progress := stageProgress(j.env, api.StageExpert, len(samples))
	if o.Frozen() {
		if j.expert, err = expertRecords(ctx, j.model, o.Expert, samples, limits, progress); err != nil {
			return err
		}
	}
	if o.Weights != causal.Quantile {
		return nil
	}
	records := j.expert
	if records == nil { // θ_D is the model before training
		if records, err = pairRecords(ctx, j.model.Model, samples, limits, progress); err != nil {
			return err
		}
	}
	j.config.Objective.Delta = causal.QuantileDelta(records, o.QuantileShare)
	return nil
}

// train runs the training steps.
func (j *personalizeJob) train(ctx context.Context) (train.Result, error) {
	p, env := &j.request, j.env
	t, err := train.New(train.Setup{
		Model: j.model.Model, GPU: env.GPU, Config: j.config,
		Data: train.Data{Train: j.samples.Samples, Heldout: j.heldout.Samples, Expert: j.expert},
		Source: train.Source{
			Weights: j.model.Fingerprint, Template: j.data.Template.Name, Adapter: j.origin, Windows: j.windows(),
		},
		Saving: train.Saving{
			Checkpoints: train.Checkpoints{Store: env.Blobs, Dir: p.Out},
			Every:       api.Or(p.Training.CheckpointEvery, 10), Resume: p.Resume,
		},
		Now: env.Now, Events: trainEvents(env, len(j.samples.Samples)),
	})
	if err != nil {
		return train.Result{}, err
	}
	if err := env.Emit(api.StageEvent{Event: api.EventStage, Stage: api.StageCompile}); err != nil {
		return train.Result{}, err
	}
	return t.Run(ctx)
}

// windows describes how texts are split, if one is. A checkpoint of an earlier version, which cut
// such texts, has no description.
func (j *personalizeJob) windows() string {
	if j.samples.Counts.Long+j.heldout.Counts.Long == 0 {
		return ""
	}
	return fmt.Sprintf("windows of %d tokens", j.data.MaxPrompt+j.data.MaxResponse)
}

// trainEvents passes the events of training on to the caller. It ignores errors of Emit, as
// stageProgress does.
func trainEvents(env *engine.Env, samples int) train.Events {
	return train.Events{
		Ready: func() {
			_ = env.Emit(api.StageEvent{Event: api.EventStage, Stage: api.StageTrain, Total: samples})
		},
		Progress: progressEvents(env, api.StageTrain),
		Step: func(s train.Stats) {
			_ = env.Emit(api.StepEvent{
				Event: api.EventStep, Step: s.Step, Steps: s.Steps, Epoch: s.Epoch,
				Loss: s.Loss, NTP: s.NTP, Align: s.Align, Causal: s.Causal,
				LR: s.LR, GradNorm: s.GradNorm, TokensPS: s.TokensPS,
				Seconds: s.Elapsed.Seconds(), Remaining: s.Remaining.Seconds(),
			})
		},
		Eval: func(step int, loss float64, best bool) {
			_ = env.Emit(api.EvalEvent{Event: api.EventEval, Step: step, Loss: loss, Best: best})
		},
		Checkpoint: func(step int) {
			_ = env.Emit(api.CheckpointEvent{Event: api.EventCheckpoint, Step: step})
		},
	}
}
