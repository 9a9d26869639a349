package model

import (
	"context"
	"time"

	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// SumSlots is the length of the ring of sums: the number of steps that can run before their losses
// must be read.
const SumSlots = 32

// StepSpec says what a Step computes and how large its micro-batches may be.
type StepSpec struct {
	MaxTokens    int // packed tokens
	MaxResponses int // response tokens
	Objective    causal.Options
	// Dual also computes the branch without history.
	Dual bool
	// Backward adds gradients to Params. Without it a step only gives token records and sums.
	Backward bool
	// Recompute keeps only each layer's input and repeats its forward pass in the backward pass:
	// less memory for a third more work, and the same bits.
	Recompute bool
	// Points are mixtures of the branches that are scored too; see Step.Points.
	Points []kernels.Point
	// Datastore, if not nil, scores each response token by the branch with history; see
	// Step.Recalled.
	Datastore *Datastore
}

// Step is a compiled plan over one micro-batch: forward pass, loss and optionally backward pass. It
// allocates memory when it is created and never after.
type Step struct {
	Spec StepSpec
	m    *Model
	plan *gpu.Plan
	in   *inputs
	loss *lossTensors
	bufs []gpu.Buffer
}

// NewStep records and compiles a step for the adapter that is active now. Free the step before that
// adapter is removed.
func (m *Model) NewStep(spec StepSpec) (*Step, error) {
	s := &Step{Spec: spec, m: m, plan: m.g.NewPlan("step")}
	s.in = newInputs(m.g, spec.MaxTokens, spec.MaxResponses, spec.Dual)
	p := &pass{
		m: m, plan: s.plan, in: s.in,
		tokens:  dim{kernels.PerToken, spec.MaxTokens},
		queries: dim{kernels.PerHeadRow, spec.MaxResponses},
	}
	if spec.Dual {
		p.queries.capacity *= 2
	}
	s.loss = &lossTensors{
		state:  s.tensor("head state", spec.MaxResponses*kernels.HeadStateWidth),
		tokens: s.tensor("token records", spec.MaxResponses*kernels.TokenWidth),
		coef:   s.tensor("loss factors", spec.MaxResponses*2),
		sums:   s.tensor("loss sums", SumSlots*kernels.SumsWidth),
	}
	if n := len(spec.Points); n > 0 {
		s.loss.points = s.tensor("points", 2*n)
		s.loss.mixed = s.tensor("mixtures", spec.MaxResponses*n*kernels.PointStateWidth)
		b, _ := s.loss.points.Handle()
		m.g.WriteF32(b, 0, kernels.PointWords(spec.Points))
	}
	if spec.Datastore != nil {
		s.loss.recalled = s.tensor("datastore sums", 2*spec.MaxResponses)
		s.loss.starts = s.tensor("starts of samples", spec.MaxResponses)
	}
	p.recordStep(spec, s.loss)
	if err := s.plan.Compile(); err != nil {
		s.Free()
		return nil, err
	}
	return s, nil
}

func (s *Step) tensor(name string, words int) *gpu.Tensor {
	b := s.m.g.NewBuffer(name, int64(4*words), gpu.Storage)
	s.bufs = append(s.bufs, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

// recordStep records the complete step.
func (p *pass) recordStep(spec StepSpec, loss *lossTensors) {
	m, hidden := p.m, p.m.Config.HiddenSize
	x := p.temp("embedded", p.tokens, hidden)
	p.embedding(m.embed, p.tokens.rows, p.in.ids, x)
	layers := make([]*saved, len(m.layers))
	for i := range m.layers {
		x, layers[i] = p.layerForward(i, x)
		if spec.Recompute {
			layers[i] = &saved{x: layers[i].x}
		}
	}
	ordered := p.gather(p.queries, p.in.order, x)
	hs, rstd := p.rmsNorm(m.norm, p.queries, ordered)
	p.headForward(spec, hs, loss)
	if s := spec.Datastore; s != nil {
		with := dim{kernels.PerResponse, spec.MaxResponses} // the first rows are those with history
		q := p.normalized(s, with, hs)
		p.cosines(s, with, q, nil, func(c0, cols, stride int, z *gpu.Tensor) {
			p.plan.Add(kernels.DatastoreReduce(s.spec, c0, cols, stride, z, s.tokens, p.in.targets, loss.recalled))
		})
		p.plan.Add(kernels.DatastoreText(s.spec, hidden, q, p.in.targets, loss.starts, loss.recalled))
	}
	if !spec.Backward {
		return
	}
	dhs := p.headBackward(spec.Objective, spec.Dual, hs, loss)
	dordered := p.temp("dordered", p.queries, hidden)
	p.rmsNormGrad(m.norm, p.queries, ordered, rstd, dhs, dordered, false)
	dy := p.temp("dresidual", p.queries, hidden)
	p.plan.Add(kernels.ScatterRows(p.queries.rows, hidden, p.in.order, dordered, dy))
	for i := len(m.layers) - 1; i >= 0; i-- {
		s := layers[i]
		if spec.Recompute {
			_, s = p.layerForward(i, s.x)
		}
		dy = p.layerBackward(i, s, dy, i > 0 || m.embedGrad != nil)
	}
	if m.embedGrad != nil {
		p.plan.Add(kernels.EmbeddingGrad(
			p.tokens.rows, hidden, p.in.segments, p.in.sorted, p.in.uniques, dy, m.embedGrad))
	}
}

// Run uploads a micro-batch and queues the plan. dyn holds the divisors, the slot in the ring and
// whether its sums accumulate; Run sets the counts. expert is [responses, 2], log-probabilities
// under a frozen θ_D, or nil. progress is that of gpu.Plan.Run.
func (s *Step) Run(
	ctx context.Context, p *causal.Packed, expert []float32, dyn kernels.Dyn, progress func(share float64),
) error {
	setCounts(&dyn, p)
	s.in.write(p, expert, s.m.embedGrad != nil && s.Spec.Backward)
	if s.loss.starts != nil {
		b, _ := s.loss.starts.Handle()
		s.m.g.WriteU32(b, 0, starts(p))
	}
	return s.plan.Run(ctx, dyn.Replay(), progress)
}

// Flops estimates the work of one Run on p.
func (s *Step) Flops(p *causal.Packed) float64 {
	var d kernels.Dyn
	setCounts(&d, p)
	return s.plan.Flops(d.Replay())
}

// Profile times every kernel of the step on p, which must be the micro-batch of the last Run.
func (s *Step) Profile(ctx context.Context, p *causal.Packed, now func() time.Time) ([]gpu.Timing, error) {
	d := kernels.Dyn{NormNTP: 1, NormAlign: 1}
	setCounts(&d, p)
	return s.plan.Profile(ctx, d.Replay(), now)
}

// starts returns, for each response token, the first response token of its sample.
func starts(p *causal.Packed) []uint32 {
	out := make([]uint32, p.Responses())
	for i, sample := range p.Sample {
		out[i] = uint32(i)
		if i > 0 && sample == p.Sample[i-1] {
			out[i] = out[i-1]
		}
	}
	return out
}

func setCounts(d *kernels.Dyn, p *causal.Packed) {
	d.Tokens, d.Responses, d.Rows = uint32(p.Tokens()), uint32(p.Responses()), uint32(p.Rows())
	d.Pairs, d.HeadPairs = p.Pairs()
}

// Tokens reads the records of the first n response tokens of the last Run.
func (s *Step) Tokens(ctx context.Context, n int) ([]kernels.Token, error) {
	b, _ := s.loss.tokens.Handle()
	v, err := s.m.g.ReadF32(ctx, b, 0, n*kernels.TokenWidth)
	if err != nil {
		return nil, err
	}
	out := make([]kernels.Token, n)
	for i := range out {
		out[i] = kernels.TokenAt(v[i*kernels.TokenWidth:])
	}
	return out, nil
}

// Points reads the scores of the first n response tokens of the last Run, [tokens][Spec.Points].
func (s *Step) Points(ctx context.Context, n int) ([][]kernels.PointScore, error) {
	count := len(s.Spec.Points)
	if count == 0 {
		return make([][]kernels.PointScore, n), nil
	}
	b, _ := s.loss.mixed.Handle()
	v, err := s.m.g.ReadF32(ctx, b, 0, n*count*kernels.PointStateWidth)
	if err != nil {
		return nil, err
	}
	out := make([][]kernels.PointScore, n)
	for i := range out {
		for p := range count {
			out[i] = append(out[i], kernels.PointScoreAt(v[(i*count+p)*kernels.PointStateWidth:]))
		}
	}
	return out, nil
}

// Recalled reads what the datastore gives the first n response tokens of the last Run: the
// probability of each token. Without a datastore it returns nil.
func (s *Step) Recalled(ctx context.Context, n int) ([]float64, error) {
	if s.Spec.Datastore == nil {
		return nil, nil
	}
	b, _ := s.loss.recalled.Handle()
	v, err := s.m.g.ReadF32(ctx, b, 0, 2*n)
	if err != nil {
		return nil, err
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(v[2*i]) / float64(v[2*i+1])
	}
	return out, nil
}

// ReadSums returns the sums at one slot of the ring.
func (s *Step) ReadSums(ctx context.Context, slot int) (kernels.Sums, error) {
	sums, err := s.readSums(ctx, slot, 1)
	if err != nil {
		return kernels.Sums{}, err
	}
	return sums[0], nil
}

// ReadAllSums returns the complete ring, SumSlots sums.
func (s *Step) ReadAllSums(ctx context.Context) ([]kernels.Sums, error) {
	return s.readSums(ctx, 0, SumSlots)
}

func (s *Step) readSums(ctx context.Context, slot, n int) ([]kernels.Sums, error) {
	b, _ := s.loss.sums.Handle()
	v, err := s.m.g.ReadF32(ctx, b, 4*slot*kernels.SumsWidth, n*kernels.SumsWidth)
	if err != nil {
		return nil, err
	}
	out := make([]kernels.Sums, n)
	for i := range out {
		out[i] = kernels.SumsAt(v[i*kernels.SumsWidth:])
	}
	return out, nil
}

// Free destroys the step's memory.
func (s *Step) Free() {
	s.plan.Free()
	s.in.free()
	for _, b := range s.bufs {
		s.m.g.Free(b)
	}
	s.bufs = nil
}
