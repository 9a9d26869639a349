package eval

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/method"
)

// Entry is a method in a regime, with a control or without.
type Entry struct {
	method.Method
	Regime  method.Regime
	Control string
}

// Entries combines methods, regimes and controls. Combinations that make no sense are left out: a
// regime that the method does not have, and a control of history for a method that prompts without.
// A method with none of the regimes runs in its usual one.
func Entries(methods []string, regimes []method.Regime, shuffled bool) ([]Entry, error) {
	var out []Entry
	add := func(e Entry) {
		out = append(out, e)
		if shuffled && !e.NoHistory {
			e.Control = Shuffled
			out = append(out, e)
		}
	}
	seen := map[string]bool{}
	for _, name := range methods {
		m, err := method.ByName(name)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fault.New(fault.Malformed, "--methods", "", "%s is given twice", name).
				WithRemedy("name each method once")
		}
		seen[name] = true
		any := false
		for _, r := range regimes {
			if m.Supports(r) {
				add(Entry{Method: m, Regime: r})
				any = true
			}
		}
		if !any {
			add(Entry{Method: m, Regime: m.Regimes[0]})
		}
	}
	return out, nil
}

// progress receives what a step is doing.
type progress = func(method.Progress)

// Steps are what a Runner calls of package method.
type Steps struct {
	Run    func(context.Context, Entry, method.User, method.Options, progress) (method.Cell, error)
	Share  func(context.Context, Entry, []method.User, method.Options, progress) (string, error)
	Losses func(ctx context.Context, e Entry, u method.User, model, adapter string,
		o method.Options) ([]float64, error)
	Preferences func(context.Context, method.User, method.Options, progress) (*method.Preference, error)
}

// StepsOf runs the methods on an engine. Each cell has a folder of its own below engine.Dir.
func StepsOf(engine method.Engine) Steps {
	in := func(parts ...string) method.Engine {
		e := engine
		for _, p := range parts {
			e.Dir = blob.Join(e.Dir, p)
		}
		return e
	}
	return Steps{
		Run: func(ctx context.Context, e Entry, u method.User, o method.Options, on progress) (method.Cell, error) {
			return e.Method.Run(ctx, in("cells", e.folder(), folder(u.ID)), u, o, on)
		},
		Share: func(ctx context.Context, e Entry, users []method.User, o method.Options, on progress) (string, error) {
			return e.Method.Share(ctx, in("shared", e.folder()), users, o, on)
		},
		Losses: func(ctx context.Context, e Entry, u method.User, model, adapter string,
			o method.Options) ([]float64, error) {
			return e.Method.Losses(ctx, in("identify"), u, model, adapter, o)
		},
		Preferences: func(ctx context.Context, u method.User, o method.Options, on progress) (*method.Preference,
			error) {
			return method.Preferences(ctx, in("preference"), u, o, on)
		},
	}
}

func (e Entry) folder() string {
	name := e.Name + "-" + string(e.Regime)
	if e.Control != "" {
		name += "-" + e.Control
	}
	return name
}

// folder is a name for a user's folder: ids come from data sets and may contain anything.
func folder(id string) string {
	const kept = 32
	safe := len(id) > 0 && len(id) <= kept
	for _, c := range []byte(id) {
		safe = safe && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if safe {
		return id
	}
	return "x" + hex.EncodeToString([]byte(digest(method.User{ID: id})))[:16]
}

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
	Identify int
	Options  method.Options
	On       func(Event)
	Now      func() time.Time

	total, done int
	spent       map[string]*spent // by kind of step
	weights     map[string]float64
	marks       preferences
}

// spent is the time that steps of one kind took.
type spent struct {
	seconds float64
	count   int
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

// sameTexts checks that a finished cell was computed on the texts of this run.
func (r *Runner) sameTexts(l line, e Entry, user int) error {
	u := r.Users[user]
	if l.Texts != digest(u) {
		return fault.New(fault.Mismatch, r.Results.path, "user "+fault.Quote(u.ID), "has results on other texts").
			WithRemedy("give the same data and the same --test, --validation and --train, or another folder with --out")
	}
	if l.Others != r.others(e, user) {
		return fault.New(fault.Mismatch, r.Results.path, e.Title, "has results with other users' texts").
			WithRemedy("give the same data and the same --users, or another folder with --out")
	}
	return nil
}

// others is the digest of other users' texts that a cell depends on.
func (r *Runner) others(e Entry, user int) string {
	switch {
	case e.Control == Shuffled:
		foreign := method.User{Train: r.foreign(user)}
		if shared := r.sharing(e, user); shared != nil {
			return digest(append(shared, foreign)...)
		}
		return digest(foreign)
	case r.sharing(e, user) != nil:
		return digest(r.sharing(e, user)...)
	}
	return ""
}

// sharing are the users that the shared part of an entry is trained on; nil if it has none.
func (r *Runner) sharing(e Entry, user int) []method.User {
	switch {
	case e.Regime != method.Personal:
		return r.Users // as the paper: on the training texts of all evaluated users
	case e.TaskAdapter && len(r.Others) > 0:
		return r.Others
	case e.TaskAdapter:
		return slices.Delete(slices.Clone(r.Users), user, user+1)
	}
	return nil
}

// foreign is the history of another user: of the next one.
func (r *Runner) foreign(user int) []history.Item {
	if len(r.Users) > 1 {
		return r.Users[(user+1)%len(r.Users)].History()
	}
	if len(r.Others) > 0 {
		return r.Others[0].History()
	}
	return nil
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

// possible refuses what lacks other users.
func (r *Runner) possible() error {
	if len(r.Users)+len(r.Others) > 1 {
		return nil
	}
	for _, e := range r.Entries {
		what := ""
		switch {
		case e.Control == Shuffled:
			what = "the control " + Shuffled
		case e.TaskAdapter:
			what = e.Title
		default:
			continue
		}
		return fault.New(fault.Missing, "data set", "", "%s needs the texts of another writer", what).
			WithRemedy("use a data set with several writers, or leave it out")
	}
	return nil
}

func (r *Runner) took(kind string, seconds float64) {
	s := r.spent[kind]
	if s == nil {
		s = &spent{}
		r.spent[kind] = s
	}
	s.seconds += seconds
	s.count++
}

// left estimates the seconds of the given steps, of which the first has run for some seconds. A
// step takes as long as those of its kind so far; without any, as long as others by its weight.
func (r *Runner) left(steps []step, running float64) float64 {
	seconds, weight := 0., 0.
	for kind, s := range r.spent {
		seconds += s.seconds
		weight += float64(s.count) * r.weights[kind]
	}
	if weight == 0 {
		return -1
	}
	sum := 0.
	for i, s := range steps {
		expected := seconds / weight * r.weights[s.kind]
		if own := r.spent[s.kind]; own != nil {
			expected = own.seconds / float64(own.count)
		}
		if i == 0 {
			expected = max(expected-running, running/10)
		}
		sum += expected
	}
	return sum
}

// weight is roughly how long a cell takes, relative to one of a method that does not train.
func (e Entry) weight() float64 {
	switch {
	case e.TaskAdapter:
		return 8
	case e.Preset == "nextquill":
		return 6 // it also trains the frozen adapter that determines the DCE
	case e.Trains():
		return 3
	}
	return 1
}

func (e Entry) label() string {
	label := e.Name
	if e.Regime != method.Personal {
		label += ", " + string(e.Regime)
	}
	if e.Control != "" {
		label += ", " + e.Control
	}
	return label
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
	}
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
	err = r.Results.append(line{Kind: "cell", ID: &s.id, Texts: digest(u), Others: r.others(s.entry, s.user),
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

// share sets what users share. It is trained once and recorded, unless it differs for each user.
func (r *Runner) share(ctx context.Context, s step, o *method.Options, on progress) error {
	users := r.sharing(s.entry, s.user)
	if users == nil {
		return nil
	}
	if s.entry.Regime == method.Personal && len(r.Others) == 0 {
		o.Others = users
		return nil
	}
	id := ID{Method: s.entry.Name, Regime: s.entry.Regime} // the control changes only the test prompts
	if l, ok := r.Results.shared[id]; ok && l.Others == digest(users...) {
		o.Shared = l.Folder
		return nil
	}
	began := r.Now()
	plain := s.entry
	plain.Control = ""
	folder, err := r.Steps.Share(ctx, plain, users, *o, on)
	if err != nil {
		return err
	}
	o.Shared = folder
	return r.Results.append(line{Kind: "shared", ID: &id, Others: digest(users...), Folder: folder,
		Seconds: r.Now().Sub(began).Seconds()})
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
		if l, ok := r.Results.identify[s.id]; ok && l.Others == r.candidates(n) {
			r.done++
			continue
		}
		if err := r.identifyUser(ctx, s, n, steps[i:]); err != nil {
			return err
		}
	}
	return nil
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
	return r.Results.append(line{Kind: "identify", ID: &s.id, Others: r.candidates(n), Seconds: seconds,
		Identify: &out})
}

// compareEntries orders entries as the methods are in tables.
func compareEntries(a, b Entry) int {
	names, regimes := method.Names(), method.Regimes()
	return cmp.Or(cmp.Compare(slices.Index(names, a.Name), slices.Index(names, b.Name)),
		cmp.Compare(slices.Index(regimes, a.Regime), slices.Index(regimes, b.Regime)),
		cmp.Compare(a.Control, b.Control))
}
