package session

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"sort"
	"strings"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

func init() { Register("bench", serveBench) }

// maxBenchLength bounds each part of the sample that is timed.
const maxBenchLength = 1 << 16

func serveBench(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	p := BenchParams{Prefix: 200, History: 1000, Suffix: 60, Response: 200}
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	for name, n := range map[string]int{"prefix": p.Prefix, "history": p.History, "suffix": p.Suffix, "response": p.Response} {
		if n < 1 || n > maxBenchLength {
			return nil, fault.New(fault.OutOfRange, "bench", name, "%d tokens", n).WithLimit("1 to %d", maxBenchLength)
		}
	}
	m, err := openModel(ctx, env, p.Model, "", model.LoadOptions{Positions: p.Prefix + p.History + p.Suffix + p.Response})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	spec := model.LoRASpec{Rank: cmp.Or(p.LoRA.Rank, 16), Alpha: cmp.Or(p.LoRA.Alpha, 32), Targets: p.LoRA.Targets}
	if err := m.AttachLoRA(spec, 1); err != nil {
		return nil, err
	}
	tune, err := tuneFor(ctx, env)
	if err != nil {
		return nil, err
	}
	r := &BenchResult{Adapter: env.GPU.Info().Name}
	if r.MatmulGFLOPS, err = kernels.MatmulBest(ctx, env.GPU, tune); err != nil {
		return nil, err
	}
	sample := p.sample(m.Config.VocabSize)
	times := map[string]float64{}
	for _, preset := range []string{"contextsft", "nextquill-code"} {
		b, kernels, err := benchStep(ctx, env, m, preset, sample, cmp.Or(p.Repeats, 3))
		if err != nil {
			return nil, err
		}
		b.Utilization = b.GFLOPS / r.MatmulGFLOPS
		r.Steps, r.Kernels = append(r.Steps, b), kernels
		times[preset] = b.Seconds
	}
	r.Ratio = times["nextquill-code"] / times["contextsft"]
	r.PeakBytes = env.GPU.PeakBytes()
	return r, nil
}

// sample makes random tokens of the lengths asked for; the erased history is
// four tokens, as a template's "None" is.
func (p *BenchParams) sample(vocab int) causal.Sample {
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

// benchStep times whole optimizer steps, and each kernel of one.
func benchStep(ctx context.Context, env *Env, m *model.Model, preset string, s causal.Sample, repeats int) (StepBench, []KernelBench, error) {
	o, err := causal.Preset(preset)
	if err != nil {
		return StepBench{}, nil, err
	}
	packed := causal.Pack([]causal.Sample{s}, 0, o.Dual())
	step, err := m.NewStep(model.StepSpec{
		MaxTokens: packed.Tokens(), MaxResponses: packed.Responses(), Objective: o, Dual: o.Dual(), Backward: true,
	})
	if err != nil {
		return StepBench{}, nil, err
	}
	defer step.Free()
	opt, err := train.NewOptimizer(env.GPU, m.Params, train.DefaultAdamW)
	if err != nil {
		return StepBench{}, nil, err
	}
	defer opt.Free()
	b := StepBench{Preset: preset, Tokens: packed.Tokens()}
	budget := submitFlops(env.GPU.Info())
	// The first run compiles the shaders.
	for i := range repeats + 1 {
		if err := env.Emit(StageEvent{Event: "stage", Stage: preset, Done: i, Total: repeats + 1}); err != nil {
			return b, nil, err
		}
		begun := env.Now()
		opt.ZeroGrad()
		if err := step.Run(ctx, packed, nil, gpu.Dyn{NormNTP: 1, NormAlign: 1}, budget); err != nil {
			return b, nil, err
		}
		if err := opt.Update(ctx, i, 1e-6); err != nil {
			return b, nil, err
		}
		if err := env.GPU.Wait(ctx); err != nil {
			return b, nil, err
		}
		if sec := env.Now().Sub(begun).Seconds(); i > 0 && (b.Seconds == 0 || sec < b.Seconds) {
			b.Seconds = sec
		}
	}
	b.GFLOPS = step.Flops(packed) / b.Seconds / 1e9
	timings, err := step.Profile(ctx, packed, env.Now)
	return b, kernelRows(timings), err
}

// kernelRows adds the timings up by shader, the most expensive first.
func kernelRows(timings []gpu.Timing) []KernelBench {
	rows := map[string]*KernelBench{}
	var total float64
	for _, t := range timings {
		name, _, _ := strings.Cut(t.Program, "(")
		row := rows[name]
		if row == nil {
			row = &KernelBench{Kernel: name}
			rows[name] = row
		}
		row.Calls++
		row.Seconds += t.Seconds
		row.GFLOPS += t.Flops / 1e9
		total += t.Seconds
	}
	var out []KernelBench
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
