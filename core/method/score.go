package method

import (
	"cmp"
	"context"
	"math"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// defaultDelta is δ of preference tokens if Options.Delta is 0.
const defaultDelta = .05

// Temperatures are those that every method is scored at, and that validation chooses from.
func Temperatures() []float64 {
	var out []float64
	for t := 10; t <= 30; t++ {
		out = append(out, float64(t)/20) // .5 to 1.5
	}
	return out
}

// Preference marks the preference tokens of a user's test and validation texts, by the ID of the
// item: those whose DCE under the base model with history exceeds δ.
type Preference struct {
	Marks map[string][]bool
}

// Preferences computes the preference tokens of a user. They do not depend on the method, so a
// caller computes them once for all methods.
func Preferences(ctx context.Context, e Engine, u User, o Options, on func(Progress)) (*Preference, error) {
	o.Regime, o.Foreign = Personal, nil
	r, err := Method{Name: "preference", Regimes: []Regime{Personal}}.start(e, u, o, on)
	if err != nil {
		return nil, err
	}
	out := &Preference{Marks: map[string][]bool{}}
	delta := cmp.Or(o.Delta, defaultDelta)
	for _, p := range []part{validation, test} {
		_, texts := r.texts(p)
		scores, err := r.evaluate(ctx, p, []api.Point{{Steer: 1, Temperature: 1}, {Steer: 0, Temperature: 1}})
		if err != nil {
			return nil, err
		}
		for _, it := range scores.Items {
			marks := make([]bool, it.Tokens)
			for t := range marks {
				marks[t] = math.Exp(it.Points[0].Logp[t])-math.Exp(it.Points[1].Logp[t]) > delta
			}
			out.Marks[texts[it.Item].ID] = marks
		}
	}
	return out, nil
}

// evaluate scores the texts of a part at points, under the adapter of the run.
func (r *run) evaluate(ctx context.Context, p part, points []api.Point) (api.EvaluateResult, error) {
	var out api.EvaluateResult
	earlier, texts := r.texts(p)
	retrieval, err := r.ranked(ctx, p, earlier, texts)
	if err != nil {
		return out, err
	}
	source, err := r.source(ctx, earlier, texts)
	if err != nil {
		return out, err
	}
	params := api.EvaluateParams{
		Inference: api.Inference{
			Loading: r.o.Loading, Model: r.model, Adapter: r.adapter, Source: source, Template: r.o.Template,
			Retrieval: retrieval, Datastore: r.datastore[p],
		},
		NoHistory: r.NoHistory, Points: points,
	}
	if err := r.call(ctx, "score", api.MethodEvaluate, params, &out); err != nil {
		return out, err
	}
	for _, it := range out.Items {
		if it.Item < 0 || it.Item >= len(texts) || len(it.Points) != len(points) {
			return out, fault.New(fault.Internal, "method "+r.Name, p.String(), "the core scored item %d of %d",
				it.Item, len(texts))
		}
	}
	return out, nil
}

// score chooses steering and temperature on the validation texts, and fills in the scores.
func (r *run) score(ctx context.Context, cell *Cell) error {
	cell.Steering, cell.Temperature, cell.Temperatures = 1, 1, Temperatures()
	if len(r.Steering) > 0 {
		var points []api.Point
		for _, s := range r.Steering {
			points = append(points, api.Point{Steer: s, Temperature: 1})
		}
		scores, err := r.evaluate(ctx, validation, points)
		if err != nil {
			return err
		}
		cell.Steering = r.Steering[lowest(scores, len(points))]
	}
	points := []api.Point{{Steer: cell.Steering, Temperature: 1}}
	for _, t := range cell.Temperatures {
		points = append(points, api.Point{Steer: cell.Steering, Temperature: t})
	}
	if !r.NoHistory {
		points = append(points, api.Point{Steer: 0, Temperature: 1})
	}
	held, err := r.evaluate(ctx, validation, points)
	if err != nil {
		return err
	}
	fitted := 0
	if len(held.Items) > 0 {
		// The first point has temperature 1, too: of equal losses it wins.
		if at := lowest(held, 1+len(cell.Temperatures)); at > 0 {
			fitted = at
			cell.Temperature = cell.Temperatures[at-1]
		}
	}
	tested, err := r.evaluate(ctx, test, points)
	if err != nil {
		return err
	}
	cell.Skipped = len(r.u.Test) - len(tested.Items)
	if cell.Validation, err = r.textScores(validation, held, fitted, len(cell.Temperatures)); err != nil {
		return err
	}
	cell.Texts, err = r.textScores(test, tested, fitted, len(cell.Temperatures))
	return err
}

// lowest is the point with the lowest loss over all texts, among the first n.
func lowest(scores api.EvaluateResult, n int) int {
	best, at := math.Inf(1), 0
	for i := range n {
		sum := 0.
		for _, it := range scores.Items {
			for _, logp := range it.Points[i].Logp {
				sum -= logp
			}
		}
		if sum < best {
			best, at = sum, i
		}
	}
	return at
}

// textScores converts the scores of a part. fitted is the point at the fitted temperature, curve
// the number of points after the first that make the curve. A further point is z^0.
func (r *run) textScores(p part, scores api.EvaluateResult, fitted, curve int) ([]TextScore, error) {
	_, texts := r.texts(p)
	var out []TextScore
	for _, it := range scores.Items {
		id := texts[it.Item].ID
		marks := r.o.Preference.Marks[id]
		if len(marks) != it.Tokens {
			return nil, fault.New(fault.Mismatch, "method "+r.Name, "preference",
				"%d marks for the %d tokens of the text %s", len(marks), it.Tokens, fault.Quote(id)).
				WithRemedy("compute them for these texts and this model")
		}
		one := TextScore{ID: id, Index: it.Item, Tokens: it.Tokens}
		for _, m := range marks {
			if m {
				one.Preference++
			}
		}
		one.Point = point(it.Points[0], marks)
		one.Fitted = point(it.Points[fitted], marks)
		for _, s := range it.Points[1 : 1+curve] {
			one.Curve = append(one.Curve, point(s, marks))
		}
		if len(it.Points) > 1+curve {
			one.Erased = point(it.Points[1+curve], marks).Loss
		}
		out = append(out, one)
	}
	return out, nil
}

// point sums the scores of a text at one point.
func point(s api.PointScore, marks []bool) Point {
	p := Point{Correct: s.Correct}
	for t, logp := range s.Logp {
		p.Loss -= logp
		p.Probability += math.Exp(logp)
		if marks[t] {
			p.Preferred -= logp
		}
	}
	return p
}

// Losses scores the test texts of a user with the prompts of the method and an adapter, for author
// identification. The result has the loss of each text in nats, in the order of User.Test; NaN for
// a text that does not fit.
func (m Method) Losses(ctx context.Context, e Engine, u User, model, adapter string, o Options) ([]float64, error) {
	o.Regime = Personal
	r, err := m.start(e, u, o, nil)
	if err != nil {
		return nil, err
	}
	r.model, r.adapter = cmp.Or(model, o.Model), adapter
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	scores, err := r.evaluate(ctx, test, nil)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(u.Test))
	for i := range out {
		out[i] = math.NaN()
	}
	for _, it := range scores.Items {
		out[it.Item] = it.Nats
	}
	return out, nil
}
