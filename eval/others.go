package eval

import (
	"context"
	"slices"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/method"
)

// sameTexts checks that a finished cell was computed on the texts of this run.
func (r *Runner) sameTexts(l line, e Entry, user int) error {
	u := r.Users[user]
	if l.Texts != digest(u) {
		return fault.New(fault.Mismatch, r.Results.path, "user "+fault.Quote(u.ID), "has results on other texts").
			WithRemedy("give the same data, --fields, --test, --validation and --train, or another folder with --out")
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
			return digest(append(slices.Clip(shared), foreign)...)
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

// shared is the entry that trains what users share: a control changes only the test prompts, and
// training that goes on for one user starts from the pooled adapter.
func (e Entry) shared() Entry {
	e.Control = ""
	if e.Regime == method.PooledPersonal {
		e.Regime = method.Pooled
	}
	return e
}

// trained is the adapter of a finished cell that the step would train again: a control changes only
// the test prompts, and methods may differ only in how they predict. nil if there is none.
func (r *Runner) trained(s step) *method.Trained {
	if s.entry.Regime == method.Pooled { // one adapter for all users
		return nil
	}
	for _, e := range append([]Entry{s.entry}, r.Entries...) {
		if e.Regime != s.entry.Regime || !e.TrainsLike(s.entry.Method) {
			continue
		}
		l, ok := r.Results.cells[ID{e.Name, e.Regime, "", r.Users[s.user].ID}]
		if ok && l.Cell.Adapter != "" {
			return &method.Trained{Adapter: l.Cell.Adapter, Model: l.Cell.Model, Cost: l.Cell.Cost}
		}
	}
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
	plain := s.entry.shared()
	id := ID{Method: plain.Name, Regime: plain.Regime}
	if l, ok := r.Results.shared[id]; ok && l.Others == digest(users...) {
		o.Shared = l.Folder
		return nil
	}
	began := r.Now()
	of := *o
	of.Regime = plain.Regime
	folder, err := r.Steps.Share(ctx, plain, users, of, on)
	if err != nil {
		return err
	}
	o.Shared = folder
	return r.Results.append(line{Kind: kindShared, ID: &id, Others: digest(users...), Folder: folder,
		Seconds: r.Now().Sub(began).Seconds()})
}
