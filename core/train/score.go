package train

import (
	"context"
	"fmt"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Scorer runs samples forward and reads one record per response token: for held-out loss, for the
// causal effects under a frozen θ_D, for explanations.
type Scorer struct {
	step   *model.Step
	limits Limits
}

// NewScorer compiles a forward pass for the adapter that the model uses now. dual also scores the
// branch without history.
func NewScorer(m *model.Model, limits Limits, dual bool) (*Scorer, error) {
	return NewPointScorer(m, limits, dual, nil, nil)
}

// NewPointScorer is NewScorer for a scorer that also scores mixtures of the branches, and tokens by
// a datastore, which may be nil. Without dual, the mixtures differ in temperature only.
func NewPointScorer(m *model.Model, limits Limits, dual bool, points []kernels.Point, d *model.Datastore) (*Scorer,
	error) {
	spec := ScoreSpec(limits, dual)
	spec.Points, spec.Datastore = points, d
	step, err := m.NewStep(spec)
	if err != nil {
		return nil, err
	}
	return &Scorer{step, limits}, nil
}

// Score returns the records of each sample, [samples][responses]. progress, which may be nil,
// receives the number of samples done, and between submits the number with a fraction.
func (s *Scorer) Score(
	ctx context.Context, samples []causal.Sample, progress func(done float64),
) ([][]kernels.Token, error) {
	r, err := s.ScorePoints(ctx, samples, progress)
	return r.Tokens, err
}

// Scores are the records of samples.
type Scores struct {
	Tokens [][]kernels.Token // [samples][responses]
	// Points is [samples][responses][points], in the order of NewPointScorer.
	Points [][][]kernels.PointScore
	// Recalled are the probabilities that the datastore gives, [samples][responses]; nil without.
	Recalled [][]float64
}

// ScorePoints is Score with the scores of the mixtures.
func (s *Scorer) ScorePoints(
	ctx context.Context, samples []causal.Sample, progress func(done float64),
) (Scores, error) {
	packs, err := causal.MicroBatches(samples, s.step.Spec.Dual, s.limits.Tokens, s.limits.Responses)
	if err != nil {
		return Scores{}, err
	}
	out := Scores{
		Tokens: make([][]kernels.Token, len(samples)), Points: make([][][]kernels.PointScore, len(samples)),
	}
	if s.step.Spec.Datastore != nil {
		out.Recalled = make([][]float64, len(samples))
	}
	done := 0.
	if progress == nil {
		progress = func(float64) {}
	}
	for _, p := range packs {
		if err := ctx.Err(); err != nil {
			return Scores{}, fault.New(fault.Cancelled, "score", "", "stopped").WithCause(err)
		}
		part := func(share float64) { progress(done + share*float64(p.Samples)) }
		if err := s.step.Run(ctx, p, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, part); err != nil {
			return Scores{}, err
		}
		if err := s.read(ctx, p, out); err != nil {
			return Scores{}, err
		}
		done += float64(p.Samples)
		progress(done)
	}
	return out, nil
}

// read appends the records of the micro-batch that ran last to out.
func (s *Scorer) read(ctx context.Context, p *causal.Packed, out Scores) error {
	tokens, err := s.step.Tokens(ctx, p.Responses())
	if err != nil {
		return err
	}
	points, err := s.step.Points(ctx, p.Responses())
	if err != nil {
		return err
	}
	recalled, err := s.step.Recalled(ctx, p.Responses())
	if err != nil {
		return err
	}
	for i, t := range tokens {
		if err := checkLogp(t.LogpWith, p, i); err != nil {
			return err
		}
		for _, score := range points[i] {
			if err := checkLogp(score.Logp, p, i); err != nil {
				return err
			}
		}
		at := p.Sample[i]
		out.Tokens[at] = append(out.Tokens[at], t)
		out.Points[at] = append(out.Points[at], points[i])
		if recalled != nil {
			out.Recalled[at] = append(out.Recalled[at], recalled[i])
		}
	}
	return nil
}

// checkLogp returns a fault of kind NaN if logp is no log-probability. i is the response token.
func checkLogp(logp float32, p *causal.Packed, i int) error {
	if logp <= 0 {
		return nil
	}
	where, field := fmt.Sprintf("sample %d", p.Sample[i]), fmt.Sprintf("response token %d", p.Index[i])
	return fault.New(fault.NaN, where, field, "the model gives log-probability %g", logp).
		WithRemedy("the model or its adapter is damaged: use another one")
}

// Loss is the mean of −log p over all response tokens with history, in nats, and the number of
// tokens.
func Loss(records [][]kernels.Token) (nats float64, tokens int) {
	for _, r := range records {
		for _, t := range r {
			nats -= float64(t.LogpWith)
			tokens++
		}
	}
	if tokens > 0 {
		nats /= float64(tokens)
	}
	return nats, tokens
}

// Free destroys the scorer's memory.
func (s *Scorer) Free() { s.step.Free() }
