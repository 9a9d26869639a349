package diag

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// reportJob is a request of "bench-report".
type reportJob struct {
	*engine.Env
	request api.BenchReportParams
	begun   time.Time
	tune    *kernels.Tune
	report  *api.BenchReport
}

// benchReport measures products of matrices, training steps and writing. A part that fails because
// the device is too small is recorded, and the others go on.
func benchReport(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &reportJob{Env: env}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	env.ReleaseModel()
	var err error
	if j.tune, err = env.Tune(ctx); err != nil {
		return nil, err
	}
	j.begun = env.Now()
	j.report = &api.BenchReport{
		Version: api.Version, Device: env.GPU.Info(), Chosen: j.tune.Linear.String(), ChosenHalf: j.tune.Half,
		Products: []api.ProductBench{}, Models: []api.ModelBench{}, Left: []string{},
	}
	parts := j.parts()
	for i, p := range parts {
		event := api.StageEvent{Event: api.EventStage, Stage: api.StageReport, Done: i, Total: len(parts)}
		if err := env.Emit(event); err != nil {
			return nil, err
		}
		err := j.inTime(0)
		if err == nil {
			err = p.run(ctx)
		}
		if errors.Is(err, errLate) {
			j.report.Left = append(j.report.Left, p.name)
		} else if err != nil {
			return nil, err
		}
	}
	j.report.Seconds = env.Now().Sub(j.begun).Seconds()
	return j.report, nil
}

// grace is how long a part that began in time may run past the time limit of the report. After that
// it is given up, because a slow device needs minutes for a large model.
const grace = time.Minute

// errLate ends a part for which no time is left.
var errLate = errors.New("diag: no time is left")

// inTime returns errLate if the report is past its time limit by more than grace.
func (j *reportJob) inTime(grace time.Duration) error {
	if (j.Now().Sub(j.begun) - grace).Seconds() > api.Or(j.request.Seconds, 480) {
		return errLate
	}
	return nil
}

// part is a part of the report.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// parts lists all parts: first what is fast and needs little memory.
func (j *reportJob) parts() []part {
	parts := []part{{"memory bandwidth", func(ctx context.Context) (err error) {
		j.report.Bandwidth, err = kernels.MeasureBandwidth(ctx, j.GPU, 8<<20)
		return err
	}}}
	parts = append(parts, j.modelPart("embedded model", model.LoadOptions{Base: model.BaseAuto}))
	for _, p := range j.products() {
		name := fmt.Sprintf("product %s %s %s of %d × %d × %d", p.Product, p.Format, p.Variant, p.Rows, p.In, p.Out)
		parts = append(parts, part{name, func(ctx context.Context) error {
			err := j.timeProduct(ctx, &p)
			if err == nil {
				j.report.Products = append(j.report.Products, p)
			}
			return err
		}})
	}
	for _, s := range shapes {
		for _, base := range s.bases {
			parts = append(parts, j.modelPart(s.name, model.LoadOptions{Base: base, Random: &s.config}))
		}
	}
	return parts
}

// modelPart measures one model on one base format.
func (j *reportJob) modelPart(name string, o model.LoadOptions) part {
	run := func(ctx context.Context) error {
		b := api.ModelBench{Name: name, Base: o.Base, Steps: []api.StepBench{}, Decode: []api.DecodeBench{}}
		err := j.timeModel(ctx, &b, o)
		b.Error, err = tooSmall(err)
		if err == nil {
			j.report.Models = append(j.report.Models, b)
		}
		return err
	}
	return part{name + " " + o.Base, run}
}

// tooSmall returns the text of an error that says that the device is too small. Other errors are
// returned as they are.
func tooSmall(err error) (string, error) {
	var f *fault.Error
	if errors.As(err, &f) && (f.Kind == fault.DeviceLimit || f.Kind == fault.TooLarge) {
		return f.Error(), nil
	}
	return "", err
}

// timeModel measures steps and writing, each with a LoRA adapter of rank 8.
func (j *reportJob) timeModel(ctx context.Context, b *api.ModelBench, o model.LoadOptions) error {
	quiet := *j.Env
	// The report counts progress in parts, so events of a part are dropped. There is one before
	// each step: the time limit is checked there.
	quiet.Emit = func(any) error { return j.inTime(grace) }
	bench := &benchJob{&quiet, api.BenchParams{
		Loading: j.request.Loading, Model: j.request.Model, LoRA: api.LoRA{Rank: new(8), Alpha: new(16.)},
		Prefix: 64, History: 256, Suffix: 32, Response: 96, Repeats: new(3), StepsOnly: true, Recompute: true,
	}}
	if j.GPU.Info().CPU {
		p := &bench.request
		p.Prefix, p.History, p.Suffix, p.Response = 16, 64, 8, 24
	}
	before := j.GPU.LiveBytes()
	m, err := model.Load(ctx, j.GPU, j.tune, j.Blobs, j.request.Model, o)
	if err != nil {
		return err
	}
	defer m.Free()
	b.Base, b.WeightBytes = m.Base(), j.GPU.LiveBytes()-before
	if err := m.AttachLoRA(*engine.LoRASpec(bench.request.LoRA), 1); err != nil {
		return err
	}
	var r api.BenchResult
	if err := bench.steps(ctx, m, &r); err != nil {
		return err
	}
	b.Steps = r.Steps
	for _, dual := range []bool{false, true} {
		run := randomPrompts(m.Config.VocabSize, 128, dual)
		run.check = func() error { return j.inTime(grace) }
		d, err := timeDecode(ctx, j.Env, m, run)
		if err != nil {
			return err
		}
		d.BandwidthShare = float64(tokenBytes(m.Config, b.WeightBytes)) / d.TokenSeconds / j.report.Bandwidth
		b.Decode = append(b.Decode, d)
	}
	b.PeakBytes = j.GPU.PeakBytes()
	return nil
}

// tokenBytes is the part of a model's bytes that decoding a token reads. A table of embeddings that
// is not also the head is read in one row only.
func tokenBytes(c weights.Config, bytes int64) int64 {
	if c.TieEmbeddings {
		return bytes
	}
	table, layers := int64(c.VocabSize)*int64(c.HiddenSize), int64(0)
	for _, part := range weights.LinearParts {
		out, in, _ := c.LinearShape(part)
		layers += int64(c.Layers) * int64(out) * int64(in)
	}
	return int64(float64(bytes) * float64(table+layers) / float64(2*table+layers))
}
