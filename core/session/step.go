package session

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
)

func init() { Register("step", serveStep) }

// maxBatchFile bounds a step's batch and options.
const maxBatchFile = 64 << 20

// readBatch reads {"samples": […]} and checks every id.
func readBatch(ctx context.Context, store blob.Store, name string, vocab, positions int) ([]causal.Sample, error) {
	raw, err := blob.ReadAll(ctx, store, name, maxBatchFile)
	if err != nil {
		return nil, err
	}
	var batch struct {
		Samples []causal.Sample `json:"samples"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&batch); err != nil {
		return nil, fault.New(fault.Malformed, name, "", `not {"samples":[{"with":[ids],"without":[ids],"response":[ids]}]}`).WithCause(err)
	}
	if len(batch.Samples) == 0 {
		return nil, fault.New(fault.Missing, name, "samples", "there are none")
	}
	for i, s := range batch.Samples {
		if err := s.Check(fmt.Sprintf("%s: sample %d", name, i), vocab); err != nil {
			return nil, err
		}
		if n := max(len(s.With), len(s.Without)) + len(s.Response) - 1; n > positions {
			return nil, fault.New(fault.TooLarge, fmt.Sprintf("%s: sample %d", name, i), "", "is %d tokens long", n).
				WithLimit("max_position_embeddings, %d", positions).WithRemedy("shorten the prompt or the response")
		}
	}
	return batch.Samples, nil
}

// stepJob is a request of "step".
type stepJob struct{ api.StepParams }

func serveStep(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p stepJob
	if err := Decode(params, &p.StepParams); err != nil {
		return nil, err
	}
	raw, err := blob.ReadAll(ctx, env.Blobs, p.Options, maxBatchFile)
	if err != nil {
		return nil, err
	}
	o, err := causal.ParseOptions(p.Options, raw)
	if err != nil {
		return nil, err
	}
	if o.Frozen() {
		// The options name θ_D's folder beside them.
		o.Expert = path.Join(path.Dir(p.Options), o.Expert)
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, err
	}
	samples, err := readBatch(ctx, env.Blobs, p.Batch, cfg.VocabSize, cfg.MaxPositions)
	if err != nil {
		return nil, err
	}
	if p.Adapter == "" && !p.Full {
		return nil, fault.New(fault.Missing, "step", "adapter", "nothing trains: there is no adapter").
			WithRemedy("name an adapter, or take the gradients of all weights with --full")
	}
	limits := train.Fit(samples, true, cmp.Or(p.TokenBudget, api.DefaultTokenBudget), len(samples))
	options := model.LoadOptions{Full: p.Full, Base: p.Base}
	recompute, err := p.fits(ctx, env, options, o, limits)
	if err != nil {
		return nil, err
	}
	m, err := openModel(ctx, env, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	if p.Adapter != "" {
		if _, err := m.train(ctx, env, p.Adapter); err != nil {
			return nil, err
		}
	}
	limits.SubmitFlops = submitFlops(env.GPU.Info())
	var expert [][]float32
	if o.Frozen() {
		if expert, err = expertRecords(ctx, env, m, o.Expert, samples, limits, nil); err != nil {
			return nil, err
		}
	}
	result, err := runStep(ctx, m.Model, env.GPU, o, samples, expert, limits, recompute)
	if err != nil {
		return nil, err
	}
	return result, writeStep(ctx, env, m.Model, p.Out, result)
}

// fits estimates the step, and refuses one that does not fit. It gives whether to recompute
// activations.
func (p *stepJob) fits(ctx context.Context, env *Env, options model.LoadOptions, o causal.Options, limits train.Limits) (recompute bool, err error) {
	n := model.Needs{}
	if p.Adapter != "" {
		if n.Train, err = weights.ReadAdapter(ctx, env.Blobs, p.Adapter); err != nil {
			return false, err
		}
	}
	judge := n
	judge.Steps = []model.StepSpec{train.ScoreSpec(limits, true)}
	if o.Frozen() {
		if judge.Frozen, err = weights.ReadAdapter(ctx, env.Blobs, o.Expert); err != nil {
			return false, err
		}
	}
	phases := func(recompute bool, _ int) []model.Needs {
		n.Steps = []model.StepSpec{stepSpec(o, limits, recompute)}
		if o.Frozen() {
			return []model.Needs{n, judge}
		}
		return []model.Needs{n}
	}
	// Another token budget would be other micro-batches, and the bits of another step.
	return fits(ctx, env, p.Loading, workload{dir: p.Model, options: options, phases: phases, trains: true, recompute: p.Recompute, fixed: true})
}

func stepSpec(o causal.Options, limits train.Limits, recompute bool) model.StepSpec {
	return model.StepSpec{
		MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: o, Dual: true, Backward: true, Recompute: recompute,
	}
}

// expertRecords returns [responses, 2] log-probabilities per sample under the
// frozen adapter in folder dir, which stands on m's weights beside what trains.
func expertRecords(ctx context.Context, env *Env, m *lease, dir string, samples []causal.Sample, limits train.Limits, progress func(int)) (out [][]float32, err error) {
	err = m.with(ctx, env, dir, func() error {
		out, err = pairRecords(ctx, m, samples, limits, progress)
		return err
	})
	return out, err
}

// pairRecords returns [responses, 2] log-probabilities per sample under m as it is:
// with history and without.
func pairRecords(ctx context.Context, m *lease, samples []causal.Sample, limits train.Limits, progress func(int)) ([][]float32, error) {
	scorer, err := train.NewScorer(m.Model, limits, true)
	if err != nil {
		return nil, err
	}
	defer scorer.Free()
	records, err := scorer.Score(ctx, samples, progress)
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(records))
	for i, r := range records {
		for _, t := range r {
			out[i] = append(out[i], t.LogpWith, t.LogpWithout)
		}
	}
	return out, nil
}

// runStep does one forward and backward over all samples as one batch, leaving
// the gradients in m.Params.
func runStep(ctx context.Context, m *model.Model, g *gpu.Context, o causal.Options, samples []causal.Sample, expert [][]float32, limits train.Limits, recompute bool) (*api.StepResult, error) {
	packs, err := causal.MicroBatches(samples, true, limits.Tokens, limits.Responses)
	if err != nil {
		return nil, err
	}
	step, err := m.NewStep(stepSpec(o, limits, recompute))
	if err != nil {
		return nil, err
	}
	defer step.Free()
	of := func(p *causal.Packed) []float32 {
		if expert == nil {
			return nil
		}
		var out []float32
		for i := range p.Targets {
			out = append(out, expert[p.Sample[i]][2*p.Index[i]:][:2]...)
		}
		return out
	}
	responses := 0
	for _, s := range samples {
		responses += len(s.Response)
	}
	z := train.Divisors(o, responses, len(samples))
	if len(packs) > 1 && (z[0] == 0 || z[1] == 0) {
		sums, err := train.WeightSums(ctx, step, packs, of, limits.SubmitFlops)
		if err != nil {
			return nil, err
		}
		for i := range z {
			if z[i] == 0 {
				z[i] = sums[i]
			}
		}
	}
	m.Params.ResetOptimizer()
	result := &api.StepResult{}
	for i, p := range packs {
		d := kernels.Dyn{NormNTP: float32(z[0]), NormAlign: float32(z[1])}
		if i > 0 {
			d.Accumulate = 1
		}
		if err := step.Run(ctx, p, of(p), d, limits.SubmitFlops); err != nil {
			return nil, err
		}
		tokens, err := step.Tokens(ctx, p.Responses())
		if err != nil {
			return nil, err
		}
		for j, t := range tokens {
			result.Tokens = append(result.Tokens, api.StepToken{
				Sample: p.Sample[j], T: p.Index[j], ID: int32(p.Targets[j]),
				LogpWith: float64(t.LogpWith), LogpWithout: float64(t.LogpWithout),
				DCE: float64(t.DCE), Omega: float64(t.Omega), CEMCE: float64(t.CEMCE),
			})
		}
	}
	sums, err := step.ReadSums(ctx, 0)
	if err != nil {
		return nil, err
	}
	l := train.LossOf(sums, z, o.Alpha)
	result.Loss, result.NTPLoss, result.AlignLoss = l.Total, l.NTP, l.Align
	return result, nil
}

// writeStep stores result.json and grads.safetensors.
func writeStep(ctx context.Context, env *Env, m *model.Model, out string, result *api.StepResult) error {
	raw, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		return fault.New(fault.NaN, "step", "result", "holds a value that is no number").WithCause(err)
	}
	if err := env.Blobs.Write(ctx, blob.Join(out, "result.json"), raw); err != nil {
		return err
	}
	grads, err := m.Gradients(ctx)
	if err != nil {
		return err
	}
	return weights.Write(ctx, env.Blobs, blob.Join(out, "grads.safetensors"), grads, nil)
}
