package eval

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/fault"
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

// compareEntries orders entries as the methods are in tables.
func compareEntries(a, b Entry) int {
	names, regimes := method.Names(), method.Regimes()
	return cmp.Or(cmp.Compare(slices.Index(names, a.Name), slices.Index(names, b.Name)),
		cmp.Compare(slices.Index(regimes, a.Regime), slices.Index(regimes, b.Regime)),
		cmp.Compare(a.Control, b.Control))
}
