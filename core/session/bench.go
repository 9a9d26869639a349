package session

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

func init() { Register("bench", serveBench) }

// benchJob is a request of "bench".
type benchJob struct{ api.BenchParams }

// maxBenchLength bounds each part of the sample that is timed.
const maxBenchLength = 1 << 16

func serveBench(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	p := benchJob{api.BenchParams{Prefix: 200, History: 1000, Suffix: 60, Response: 200}}
	if err := Decode(params, &p.BenchParams); err != nil {
		return nil, err
	}
	for name, n := range map[string]int{"prefix": p.Prefix, "history": p.History, "suffix": p.Suffix, "response": p.Response} {
		if n < 1 || n > maxBenchLength {
			return nil, fault.New(fault.OutOfRange, "bench", name, "%d tokens", n).WithLimit("1 to %d", maxBenchLength)
		}
	}
	if err := p.checkPresets(); err != nil {
		return nil, err
	}
	if len(p.Bases) > 0 {
		bases, err := p.compareBases(ctx, env)
		return &api.BenchResult{Device: env.GPU.Info().Name, Bases: bases, PeakBytes: env.GPU.PeakBytes()}, err
	}
	likely, err := p.samples(ctx, env, math.MaxInt32, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	options := model.LoadOptions{Full: p.Full, Base: p.Base, Positions: p.positions()}
	needs := func(bool, int) []model.Needs { return []model.Needs{p.needs(likely)} }
	if _, err := fits(ctx, env, p.Loading, workload{dir: p.Model, options: options, phases: needs}); err != nil {
		return nil, err
	}
	m, err := openModel(ctx, env, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	if !p.Full {
		if err := m.AttachLoRA(*loraSpec(p.LoRA), 1); err != nil {
			return nil, err
		}
	}
	tune, err := tuneFor(ctx, env)
	if err != nil {
		return nil, err
	}
	r := &api.BenchResult{Device: env.GPU.Info().Name}
	if !p.StepsOnly {
		if r.MatmulGFLOPS, err = kernels.MatmulBest(ctx, env.GPU, tune); err != nil {
			return nil, err
		}
	}
	if err := p.steps(ctx, env, m.Model, r); err != nil {
		return nil, err
	}
	r.PeakBytes = env.GPU.PeakBytes()
	return r, nil
}

// positions is the length of the random sample.
func (p *benchJob) positions() int { return p.Prefix + p.History + p.Suffix + p.Response }

func (p *benchJob) repeats() int { return cmp.Or(p.Repeats, 5) }

// presets are stepped; by default one with one branch, and one with two.
func (p *benchJob) presets() []string {
	if len(p.Presets) == 0 {
		return []string{"contextsft", "nextquill-code"}
	}
	return p.Presets
}

func (p *benchJob) checkPresets() error {
	for _, name := range p.presets() {
		o, err := causal.Preset(name)
		if err != nil {
			return err
		}
		if o.Frozen() {
			return fault.New(fault.Unsupported, "bench", "presets", "%s needs a frozen adapter", name).
				WithRemedy("step nextquill-code, whose work is the same")
		}
	}
	return nil
}

// samples are those of the batch, or a random one.
func (p *benchJob) samples(ctx context.Context, env *Env, vocab, positions int) ([]causal.Sample, error) {
	if p.Batch == "" {
		return []causal.Sample{p.sample(vocab)}, nil
	}
	return readBatch(ctx, env.Blobs, p.Batch, vocab, positions)
}

// needs are those of the steps, which are there at once.
func (p *benchJob) needs(samples []causal.Sample) model.Needs {
	var n model.Needs
	if !p.Full {
		n.LoRA = loraSpec(p.LoRA)
	}
	for _, preset := range p.presets() {
		_, spec := benchSpec(preset, samples, p.Recompute)
		n.Steps = append(n.Steps, spec)
	}
	return n
}

// benchSpec packs samples for a preset, which exists.
func benchSpec(preset string, samples []causal.Sample, recompute bool) (*causal.Packed, model.StepSpec) {
	o, _ := causal.Preset(preset)
	if o.NoHistory {
		samples = slices.Clone(samples)
		for i := range samples {
			samples[i].With = samples[i].Without
		}
	}
	packed := causal.Pack(samples, 0, o.Dual())
	return packed, model.StepSpec{MaxTokens: packed.Tokens(), MaxResponses: packed.Responses(), Objective: o, Dual: o.Dual(), Backward: true, Recompute: recompute}
}

// steps times whole optimizer steps of each preset, and the kernels of the last.
// They take turns, so that a machine that is busy for a while slows all.
func (p *benchJob) steps(ctx context.Context, env *Env, m *model.Model, r *api.BenchResult) error {
	samples, err := p.samples(ctx, env, m.Config.VocabSize, m.Config.MaxPositions)
	if err != nil {
		return err
	}
	var runs []*benchRun
	defer func() {
		for _, b := range runs {
			b.free()
		}
	}()
	for _, preset := range p.presets() {
		b, err := newBenchRun(env, m, preset, samples, cmp.Or(p.LR, 1e-6), p.Recompute)
		if err != nil {
			return err
		}
		runs = append(runs, b)
	}
	repeats := p.repeats()
	// The first turn compiles the shaders and is not counted.
	for turn := range repeats + 1 {
		if err := env.Emit(api.StageEvent{Event: "stage", Stage: "steps", Done: turn, Total: repeats + 1}); err != nil {
			return err
		}
		for _, b := range runs {
			if err := b.step(ctx, env, turn); err != nil {
				return err
			}
		}
	}
	for _, b := range runs {
		b.GFLOPS = b.model.Flops(b.packed) / b.Seconds / 1e9
		if !p.StepsOnly {
			b.Utilization = b.GFLOPS / r.MatmulGFLOPS
		}
		r.Steps = append(r.Steps, b.StepBench)
	}
	if len(r.Steps) > 1 {
		r.Ratio = r.Steps[1].Seconds / r.Steps[0].Seconds
	}
	if p.StepsOnly {
		return nil
	}
	if err := env.Emit(api.StageEvent{Event: "stage", Stage: "kernels"}); err != nil {
		return err
	}
	last := runs[len(runs)-1]
	timings, err := last.model.Profile(ctx, last.packed, env.Now)
	r.Kernels = kernelRows(timings)
	return err
}

// sample makes random tokens of the lengths asked for; the erased history is
// four tokens, as a template's "None" is.
func (p *benchJob) sample(vocab int) causal.Sample {
	rng := rand.New(rand.NewPCG(1, 1))
	ids := func(n int) []int32 {
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(rng.IntN(vocab))
		}
		return v
	}
	prefix, suffix := ids(p.Prefix), ids(p.Suffix)
	join := func(h []int32) []int32 { return append(append(append([]int32{}, prefix...), h...), suffix...) }
	return causal.Sample{With: join(ids(p.History)), Without: join(ids(4)), Response: ids(p.Response)}
}

// benchRun is a step that is timed several times; Seconds is the shortest.
type benchRun struct {
	api.StepBench
	objective causal.Options
	packed    *causal.Packed
	model     *model.Step
	opt       *train.Optimizer
	z         [2]float64 // divisors of the loss terms
	budget    float64
}

func newBenchRun(env *Env, m *model.Model, preset string, samples []causal.Sample, lr float64, recompute bool) (*benchRun, error) {
	packed, spec := benchSpec(preset, samples, recompute)
	b := &benchRun{packed: packed, objective: spec.Objective, budget: submitFlops(env.GPU.Info())}
	b.Preset, b.Tokens = preset, packed.Tokens()
	b.z = train.Divisors(spec.Objective, packed.Responses(), len(samples))
	var err error
	if b.model, err = m.NewStep(spec); err != nil {
		return nil, err
	}
	m.Params.ResetOptimizer()
	schedule := train.Schedule{LR: lr, Decay: "constant"}
	if b.opt, err = train.NewOptimizer(env.GPU, m.Params, train.DefaultAdamW, schedule); err != nil {
		b.model.Free()
		return nil, err
	}
	return b, nil
}

// step does one optimizer step and waits for its loss; turn 0 is not counted.
func (b *benchRun) step(ctx context.Context, env *Env, turn int) error {
	begun := env.Now()
	b.opt.ZeroGrad()
	d := kernels.Dyn{NormNTP: float32(b.z[0]), NormAlign: float32(b.z[1])}
	if err := b.model.Run(ctx, b.packed, nil, d, b.budget); err != nil {
		return err
	}
	if err := b.opt.Update(ctx, turn); err != nil {
		return err
	}
	sums, err := b.model.ReadSums(ctx, 0)
	if err != nil {
		return err
	}
	sec := env.Now().Sub(begun).Seconds()
	if turn == 0 {
		return nil
	}
	b.Runs = append(b.Runs, sec)
	b.Losses = append(b.Losses, train.LossOf(sums, b.z, b.objective.Alpha).Total)
	if b.Seconds == 0 || sec < b.Seconds {
		b.Seconds = sec
	}
	return nil
}

func (b *benchRun) free() {
	b.model.Free()
	b.opt.Free()
}

// kernelRows adds the timings up by shader, the most expensive first.
func kernelRows(timings []gpu.Timing) []api.KernelBench {
	rows := map[string]*api.KernelBench{}
	var total float64
	for _, t := range timings {
		name, _, _ := strings.Cut(t.Program, "(")
		row := rows[name]
		if row == nil {
			row = &api.KernelBench{Kernel: name}
			rows[name] = row
		}
		row.Calls++
		row.Seconds += t.Seconds
		row.GFLOPS += t.Flops / 1e9
		total += t.Seconds
	}
	var out []api.KernelBench
	for _, r := range rows {
		if r.Seconds > 0 {
			r.GFLOPS /= r.Seconds
		}
		r.Share = r.Seconds / total
		out = append(out, *r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Seconds > out[j].Seconds })
	return out
}
