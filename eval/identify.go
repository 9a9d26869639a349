package eval

import (
	"context"
	"fmt"
	"math"

	"nextquill/core/fault"
	"nextquill/core/method"
)

// identifySteps lists the author identifications: for each entry that trains an adapter for each
// user, each of the first users.
func (r *Runner) identifySteps() []step {
	n := min(r.Identify, len(r.Users))
	if n < 2 {
		return nil
	}
	var out []step
	for _, e := range r.Entries {
		if !e.Trains() || e.Regime == method.Pooled || e.Control != "" {
			continue
		}
		for i := range n {
			out = append(out, step{ID{e.Name, e.Regime, e.Control, r.Users[i].ID}, e, i, "identify"})
		}
	}
	return out
}

// identify computes the losses of users' test texts under each other's adapters.
func (r *Runner) identify(ctx context.Context, steps []step) error {
	n := min(r.Identify, len(r.Users))
	for i, s := range steps {
		if _, ok := r.Results.identify[identified{s.id, r.candidates(n)}]; ok {
			r.done++
			continue
		}
		if err := r.identifyUser(ctx, s, n, steps[i:]); err != nil {
			return err
		}
	}
	return nil
}

// authors returns the identification of the users of this run in a cell; nil without one.
func (r *Runner) authors(id ID) *Identify {
	n := min(r.Identify, len(r.Users))
	if n < 2 {
		return nil
	}
	return r.Results.identify[identified{id, r.candidates(n)}].Identify
}

// candidates is the digest of the users among which an author is to be found.
func (r *Runner) candidates(n int) string { return digest(r.Users[:n]...) }

func (r *Runner) identifyUser(ctx context.Context, s step, n int, left []step) (err error) {
	u := r.Users[s.user]
	began := r.Now()
	label := s.entry.label() + ": author of " + u.ID
	r.event(Event{Kind: "begin", Label: label, Left: r.left(left, 0)})
	out := Identify{}
	defer func() {
		summary := fmt.Sprintf("%d candidates", len(out.Candidates))
		if err != nil {
			summary = "failed"
		}
		r.event(Event{Kind: "end", Label: label, Left: r.left(left[1:], 0), Summary: summary, Failed: err != nil})
	}()
	o := r.Options
	o.Regime = s.entry.Regime
	if err := r.share(ctx, s, &o, func(method.Progress) {}); err != nil {
		return err
	}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.Cancelled, "", "", "the run was stopped").WithCause(err)
		}
		candidate := r.Users[i].ID
		r.event(Event{Kind: "progress", Label: label, Left: r.left(left, r.Now().Sub(began).Seconds()),
			Progress: method.Progress{Stage: "identify", Done: i, Total: n}})
		cell := r.Results.cells[ID{s.entry.Name, s.entry.Regime, s.entry.Control, candidate}].Cell
		if cell.Adapter == "" {
			continue
		}
		losses, err := r.Steps.Losses(ctx, s.entry, u, cell.Model, cell.Adapter, o)
		if err != nil {
			return err
		}
		row := make([]*float64, len(losses))
		for j, v := range losses {
			if !math.IsNaN(v) {
				row[j] = &v
			}
		}
		out.Candidates = append(out.Candidates, candidate)
		out.Losses = append(out.Losses, row)
	}
	seconds := r.Now().Sub(began).Seconds()
	r.took("identify", seconds)
	r.done++
	return r.Results.append(line{Kind: kindIdentify, ID: &s.id, Others: r.candidates(n), Seconds: seconds,
		Identify: &out})
}
