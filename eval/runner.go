package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nextquill/core/fault"
	"nextquill/core/method"
)

// Event reports the progress of a run.
type Event struct {
	Kind     string          // "begin", "progress" or "end"
	Label    string          // what is done: "quill, Ann"
	Done     int             // finished steps, those of earlier runs included
	Total    int             // steps in all
	Left     float64         // seconds; negative if unknown
	Progress method.Progress // of "progress"
	Summary  string          // of "end"
	Failed   bool            // of "end"
}

// Runner runs cells.
type Runner struct {
	Steps
	Results *Results
	Entries []Entry
	Users   []method.User
	// Others are users that are not evaluated. Methods with a task adapter train it on them;
	// without any, on the other evaluated users.
	Others []method.User
	// Identify is the number of users among which a text's author is to be found; below 2 is off.
	Identify int `range:"0 1000"`
	Options  method.Options
	On       func(Event)
	Now      func() time.Time

	total, done int
	spent       map[string]*spent // by kind of step
	weights     map[string]float64
	marks       preferences
}

func (r *Runner) event(e Event) {
	if r.On != nil {
		e.Done, e.Total = r.done, r.total
		r.On(e)
	}
}

// step is one thing to do, such as a cell.
type step struct {
	id    ID
	entry Entry
	user  int
	kind  string // steps of one kind take about as long
}

// Todo returns the number of cells, and how many of them are finished. The error is of kind
// Mismatch if a finished cell has other texts.
func (r *Runner) Todo() (cells, finished int, err error) {
	steps, err := r.steps()
	if err != nil {
		return 0, 0, err
	}
	for _, s := range steps {
		if _, ok := r.Results.cells[s.id]; ok {
			finished++
		}
	}
	return len(steps), finished, nil
}

// steps lists the cells, user by user, so that a run that is stopped has complete users.
func (r *Runner) steps() ([]step, error) {
	var out []step
	for i, u := range r.Users {
		for _, e := range r.Entries {
			id := ID{e.Name, e.Regime, e.Control, u.ID}
			if l, ok := r.Results.cells[id]; ok {
				if err := r.sameTexts(l, e, i); err != nil {
					return nil, err
				}
			}
			out = append(out, step{id, e, i, e.folder()})
		}
	}
	return out, nil
}

// Run runs the steps that are not finished. It stops at the first error; what is finished is kept.
func (r *Runner) Run(ctx context.Context) error {
	if r.Now == nil {
		r.Now = time.Now
	}
	r.spent, r.weights = map[string]*spent{}, map[string]float64{"identify": 1}
	for _, e := range r.Entries {
		r.weights[e.folder()] = e.weight()
	}
	steps, err := r.steps()
	if err != nil {
		return err
	}
	if err := r.possible(); err != nil {
		return err
	}
	identify := r.identifySteps()
	r.total = len(steps) + len(identify)
	var todo []step
	for _, s := range steps {
		if l, ok := r.Results.cells[s.id]; ok {
			r.done++
			r.took(s.kind, l.Seconds)
			continue
		}
		todo = append(todo, s)
	}
	for i, s := range todo {
		if err := r.cell(ctx, s, slices.Concat(todo[i:], identify)); err != nil {
			return err
		}
	}
	return r.identify(ctx, identify)
}

// cell runs one cell and records it.
func (r *Runner) cell(ctx context.Context, s step, left []step) (err error) {
	u := r.Users[s.user]
	began := r.Now()
	label := s.entry.label() + ": " + u.ID
	remaining := func() float64 { return r.left(left, r.Now().Sub(began).Seconds()) }
	r.event(Event{Kind: "begin", Label: label, Left: remaining()})
	on := func(p method.Progress) {
		r.event(Event{Kind: "progress", Label: label, Left: remaining(), Progress: p})
	}
	summary := ""
	defer func() {
		failed := err != nil
		if failed {
			summary = "failed"
			if errors.Is(err, fault.Cancelled) || errors.Is(err, context.Canceled) {
				summary = "stopped"
			}
		}
		r.event(Event{Kind: "end", Label: label, Left: r.left(left[1:], 0), Summary: summary, Failed: failed})
	}()
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Cancelled, "", "", "the run was stopped").WithCause(err)
	}
	o := r.Options
	o.Regime = s.entry.Regime
	if err := r.share(ctx, s, &o, on); err != nil {
		return err
	}
	if s.entry.Control == Shuffled {
		o.Foreign = r.foreign(s.user)
		o.Drafts = 0 // no table has them
	}
	o.Trained = r.trained(s)
	unshared := r.Now()
	if o.Preference, err = r.preference(ctx, u, on); err != nil {
		return err
	}
	c, err := r.Steps.Run(ctx, s.entry, u, o, on)
	if err != nil {
		return err
	}
	if len(c.Texts) == 0 {
		return fault.New(fault.Missing, "user "+fault.Quote(u.ID), "", "no test text fits the model's context").
			WithRemedy("select fewer context fields with --fields")
	}
	seconds := r.Now().Sub(unshared).Seconds()
	err = r.Results.append(line{Kind: kindCell, ID: &s.id, Texts: digest(u), Others: r.others(s.entry, s.user),
		Seconds: seconds, Cell: &c})
	if err != nil {
		return err
	}
	r.took(s.kind, seconds)
	r.done++
	loss, tokens := 0., 0
	for _, t := range c.Texts {
		loss, tokens = loss+t.Loss, tokens+t.Tokens
	}
	summary = fmt.Sprintf("loss %.3f  %d texts", loss/float64(max(1, tokens)), len(c.Texts))
	return nil
}

// preferences keeps the preference tokens of the user whose cells are being run.
type preferences struct {
	user  string
	marks *method.Preference
}

// preference marks the preference tokens of a user's texts, once for all its cells.
func (r *Runner) preference(ctx context.Context, u method.User, on progress) (*method.Preference, error) {
	if r.marks.user == u.ID && r.marks.marks != nil {
		return r.marks.marks, nil
	}
	p, err := r.Steps.Preferences(ctx, u, r.Options, on)
	if err == nil {
		r.marks = preferences{u.ID, p}
	}
	return p, err
}
