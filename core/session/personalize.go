package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sort"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/chat"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/tokenizer"
	"nextquill/core/train"
	"nextquill/core/weights"
)

func init() { Register("personalize", servePersonalize) }

// personalizeJob is a request of "personalize" with what is derived from it.
type personalizeJob struct {
	api.PersonalizeParams
	template string // name of the template in use, which the adapter records
	baseName string // name of the base model, which the adapter records
}

// objective is the objective that a request names.
func (p *personalizeJob) objective() (causal.Options, error) {
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
		return o, fault.New(fault.Missing, "personalize", "expert", "preset %s weighs tokens by a frozen adapter θ_D, and none is named", p.Preset).
			WithRemedy("train one with preset contextsft and name its folder, or use preset nextquill-code, which needs none")
	}
	return o, o.Check("objective")
}

// config fills the training defaults in.
func trainConfig(t api.Training, o causal.Options) train.Config {
	c := train.Config{
		Objective:   o,
		Epochs:      cmp.Or(t.Epochs, 3),
		BatchSize:   cmp.Or(t.BatchSize, 8),
		LR:          cmp.Or(t.LR, 1e-3),
		Warmup:      cmp.Or(t.Warmup, .1),
		Decay:       cmp.Or(t.Decay, train.Decays[0]),
		AdamW:       train.DefaultAdamW,
		Seed:        t.Seed,
		TokenBudget: cmp.Or(t.TokenBudget, api.DefaultTokenBudget),
		EvalEvery:   t.EvalEvery,
		Patience:    t.Patience,
	}
	c.AdamW.Clip = cmp.Or(t.Clip, c.AdamW.Clip)
	c.AdamW.WeightDecay = t.WeightDecay
	return c
}

func servePersonalize(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p personalizeJob
	if err := Decode(params, &p.PersonalizeParams); err != nil {
		return nil, err
	}
	p.baseName = cmp.Or(p.BaseName, p.Model)
	o, err := p.objective()
	if err != nil {
		return nil, err
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, err
	}
	if p.Full {
		if err := p.checkCopied(ctx, env); err != nil {
			return nil, err
		}
	}
	data, err := openData(ctx, env, p.Model, p.Source, learntTemplate(ctx, env, p.From, p.Template), p.Retrieval, cfg)
	if err != nil {
		return nil, err
	}
	samples, _, skipped, err := data.samples(ctx, env, 0, data.train, o.NoHistory)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, fault.New(fault.TooLarge, p.Source.History, "", "none of %d items fits the prompt", data.train).
			WithLimit("%d tokens", data.maxPrompt).WithRemedy("shorten the contexts, or use a model with a longer context")
	}
	heldout, _, _, err := data.samples(ctx, env, data.train, len(data.items), o.NoHistory)
	if err != nil {
		return nil, err
	}
	tc := trainConfig(p.Training, o)
	if err := tc.Check(); err != nil {
		return nil, err
	}
	options := model.LoadOptions{Full: p.Full, Base: p.Base}
	phases, err := p.trainingPhases(ctx, env, tc, samples, heldout)
	if err != nil {
		return nil, err
	}
	w := workload{dir: p.Model, options: options, phases: phases, trains: true, recompute: p.Training.Recompute, budget: tc.TokenBudget}
	if tc.Recompute, err = fits(ctx, env, p.Loading, w); err != nil {
		return nil, err
	}
	m, err := openModel(ctx, env, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	origin, err := p.attach(ctx, env, m, tc.Seed)
	if err != nil {
		return nil, err
	}
	expert, err := p.expertRecords(ctx, env, m, o, samples, tc)
	if err != nil {
		return nil, err
	}
	if o.Weights == causal.Quantile {
		if tc.Objective.Delta, err = p.quantile(ctx, env, m, o, samples, expert, tc); err != nil {
			return nil, err
		}
	}
	p.template = data.template.Name
	r, err := p.train(ctx, env, m.Model, tc, samples, heldout, expert, origin)
	if err != nil {
		return nil, err
	}
	if err := p.save(ctx, env, m.Model); err != nil {
		return nil, err
	}
	out := api.PersonalizeResult{
		Steps: r.Steps, Tokens: r.Tokens, Seconds: r.Elapsed.Seconds(), Loss: r.Loss, Heldout: r.Heldout,
		Stopped: "done", PeakBytes: env.GPU.PeakBytes(), Resumed: r.Resumed, Skipped: skipped,
	}
	if r.Early {
		out.Stopped = "early"
	}
	return out, nil
}

// attach puts on the model what is to be trained, unless all of it is, and gives the
// fingerprint of an adapter that it starts from.
func (p *personalizeJob) attach(ctx context.Context, env *Env, m *lease, seed uint64) (origin string, err error) {
	if p.From != "" {
		if p.Full {
			return "", fault.New(fault.Unsupported, "personalize", "from", "an adapter, but all weights are to be trained").
				WithRemedy("merge the adapter into the model and train that, or train the adapter alone")
		}
		if p.LoRA.Rank != 0 || p.LoRA.Alpha != 0 || len(p.LoRA.Targets) > 0 {
			return "", fault.New(fault.Mismatch, "personalize", "lora", "a shape is given, and an adapter to start from has its own").
				WithRemedy("leave rank, alpha and targets out")
		}
		a, err := m.train(ctx, env, p.From)
		if err != nil {
			return "", err
		}
		p.baseName = cmp.Or(a.BaseModel, p.baseName)
		return a.Digest(), nil
	}
	if p.Full {
		return "", nil
	}
	return "", m.AttachLoRA(*loraSpec(p.LoRA), seed)
}

// loraSpec fills the shape of a new adapter in.
func loraSpec(l api.LoRA) *model.LoRASpec {
	return &model.LoRASpec{Rank: cmp.Or(l.Rank, 16), Alpha: cmp.Or(l.Alpha, 32), Targets: l.Targets}
}

// expertRecords scores the samples under the frozen θ_D, if the objective has one.
func (p *personalizeJob) expertRecords(ctx context.Context, env *Env, m *lease, o causal.Options, samples []causal.Sample, tc train.Config) ([][]float32, error) {
	if !o.Frozen() || !o.Dual() {
		return nil, nil
	}
	return expertRecords(ctx, env, m, o.Expert, samples, p.limits(env, samples, tc), stageProgress(env, "expert", len(samples)))
}

// quantile is the δ that leaves the share QuantileShare of the tokens above it,
// under θ_D: the frozen adapter, or the model before training.
func (p *personalizeJob) quantile(ctx context.Context, env *Env, m *lease, o causal.Options, samples []causal.Sample, expert [][]float32, tc train.Config) (float64, error) {
	if expert == nil {
		var err error
		if expert, err = pairRecords(ctx, m, samples, p.limits(env, samples, tc), stageProgress(env, "expert", len(samples))); err != nil {
			return 0, err
		}
	}
	return causal.QuantileDelta(expert, o.QuantileShare), nil
}

func (p *personalizeJob) limits(env *Env, samples []causal.Sample, tc train.Config) train.Limits {
	limits := train.Fit(samples, true, tc.TokenBudget, len(samples))
	limits.SubmitFlops = submitFlops(env.GPU.Info())
	return limits
}

// stageProgress reports progress of a stage. An event that nobody takes ends the
// method at its next pause, so the error is left to that.
func stageProgress(env *Env, stage string, total int) func(int) {
	return func(done int) {
		_ = env.Emit(api.StageEvent{Event: "stage", Stage: stage, Done: done, Total: total})
	}
}

func (p *personalizeJob) train(ctx context.Context, env *Env, m *model.Model, tc train.Config, samples, heldout []causal.Sample, expert [][]float32, origin string) (train.Result, error) {
	source, err := weights.OpenModel(ctx, env.Blobs, p.Model)
	if err != nil {
		return train.Result{}, err
	}
	sample, err := source.Sample(ctx)
	if err != nil {
		return train.Result{}, err
	}
	t, err := train.New(train.Setup{
		Model: m, GPU: env.GPU, Config: tc,
		Data:   train.Data{Train: samples, Heldout: heldout, Expert: expert},
		Source: train.Source{Weights: sample, Template: p.template, Adapter: origin},
		Saving: train.Saving{
			Checkpoints: train.Checkpoints{Store: env.Blobs, Dir: p.Out},
			Every:       cmp.Or(p.Training.CheckpointEvery, 10), Resume: p.Resume,
		},
		SubmitFlops: submitFlops(env.GPU.Info()), Now: env.Now,
		Events: train.Events{
			Step: func(s train.Stats) {
				_ = env.Emit(api.StepEvent{
					Event: "step", Step: s.Step, Steps: s.Steps, Epoch: s.Epoch, Loss: s.Loss, NTP: s.NTP, Align: s.Align, Causal: s.Causal,
					LR: s.LR, GradNorm: s.GradNorm, TokensPS: s.TokensPS, Seconds: s.Elapsed.Seconds(), Remaining: s.Remaining.Seconds(),
				})
			},
			Eval: func(step int, loss float64, best bool) {
				_ = env.Emit(api.EvalEvent{Event: "eval", Step: step, Loss: loss, Best: best})
			},
			Checkpoint: func(step int) { _ = env.Emit(api.CheckpointEvent{Event: "checkpoint", Step: step}) },
		},
	})
	if err != nil {
		return train.Result{}, err
	}
	if err := env.Emit(api.StageEvent{Event: "stage", Stage: "train", Total: len(samples)}); err != nil {
		return train.Result{}, err
	}
	return t.Run(ctx)
}

// save writes the adapter, or the model when all weights trained, and drops the
// checkpoints, which it replaces, unless the caller does.
func (p *personalizeJob) save(ctx context.Context, env *Env, m *model.Model) error {
	write := p.saveAdapter
	if p.Full {
		write = p.saveModel
	}
	forgetFolder(env, p.Out)
	if err := write(ctx, env, m); err != nil || p.KeepCheckpoint {
		return err
	}
	return train.Checkpoints{Store: env.Blobs, Dir: p.Out}.Delete(ctx)
}

func (p *personalizeJob) saveAdapter(ctx context.Context, env *Env, m *model.Model) error {
	a, err := m.Adapter(ctx)
	if err != nil {
		return err
	}
	a.BaseModel = p.baseName
	a.Made = weights.Made{Template: p.template, Base: m.Base()}
	sort.Strings(a.Targets)
	return weights.WriteAdapter(ctx, env.Blobs, p.Out, a)
}

// maxModelText bounds config.json and tokenizer.json, which are copied.
const maxModelText = 64 << 20

// copied are the files of a model folder that training leaves as they are, and
// copiedIfThere those that it may have.
var (
	copied        = []string{tokenizer.FileName, weights.ConfigName}
	copiedIfThere = []string{weights.GenerationName, chat.ConfigName, chat.TemplateName}
)

// checkCopied refuses before training a model whose folder could not be written
// after it: a GGUF file has neither of the copied files.
func (p *personalizeJob) checkCopied(ctx context.Context, env *Env) error {
	for _, name := range copied {
		if _, err := env.Blobs.Size(ctx, blob.Join(p.Model, name)); err != nil {
			return fault.New(fault.Unsupported, p.Model, name, "is needed to save all weights").WithCause(err).
				WithRemedy("train an adapter, or start from a folder with %s and %s", copied[1], copied[0])
		}
	}
	return nil
}

// saveModel writes a model folder: the weights first and the config last, so that
// a folder with a config is whole.
func (p *personalizeJob) saveModel(ctx context.Context, env *Env, m *model.Model) error {
	tensors, err := m.Weights(ctx)
	if err != nil {
		return err
	}
	if err := weights.Write(ctx, env.Blobs, blob.Join(p.Out, weights.SingleName), tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	for _, name := range slices.Concat(copiedIfThere, copied) {
		raw, err := blob.ReadAll(ctx, env.Blobs, blob.Join(p.Model, name), maxModelText)
		if errors.Is(err, blob.ErrNotExist) && slices.Contains(copiedIfThere, name) {
			continue
		}
		if err != nil {
			return err
		}
		if err := env.Blobs.Write(ctx, blob.Join(p.Out, name), raw); err != nil {
			return err
		}
	}
	return nil
}
