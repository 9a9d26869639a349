package method

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/datastore"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/modelfolder"
	"nextquill/core/weights"
)

// Share trains what the method shares between users: the adapter of the pooled regimes, or the
// model with the merged task adapter. It returns its folder, or "" if the method shares nothing in
// the regime of o. Users' training texts are used only.
func (m Method) Share(ctx context.Context, e Engine, users []User, o Options, on func(Progress)) (string, error) {
	if !m.shares(o.Regime) {
		return "", nil
	}
	if len(users) == 0 {
		return "", fault.New(fault.Missing, "method "+m.Name, "users", "there are none to train on").
			WithRemedy("give other users' texts")
	}
	r, err := m.start(e, users[0], o, on)
	if err != nil {
		return "", err
	}
	var writers []string
	for i, u := range users[1:] {
		name, err := r.put(ctx, fmt.Sprintf("writer-%d.jsonl", i+1), u.Train)
		if err != nil {
			return "", err
		}
		writers = append(writers, name)
	}
	if err := r.train(ctx, "shared", "", writers); err != nil || !m.TaskAdapter {
		return r.adapter, err
	}
	a, err := weights.ReadAdapter(ctx, e.Blobs, r.adapter)
	if err != nil {
		return "", err
	}
	merged := r.folder("model")
	return merged, modelfolder.Merge(ctx, e.Blobs, o.Model, a, merged)
}

// shares reports whether the method shares something between users.
func (m Method) shares(regime Regime) bool {
	return m.TaskAdapter || m.Trains() && (regime == Pooled || regime == PooledPersonal)
}

// fit trains the user's adapter, or takes the shared one or that of Options.Trained.
func (r *run) fit(ctx context.Context) error {
	if r.o.Trained != nil && r.Trains() {
		err := r.reuse(ctx, *r.o.Trained)
		if !errors.Is(err, blob.ErrNotExist) {
			return err
		}
		r.o.Trained = nil // it was deleted: train again
	}
	shared := r.o.Shared
	if shared == "" && r.shares(r.o.Regime) {
		o, e := r.o, r.e
		e.Dir = r.folder("shared")
		var err error
		if shared, err = r.Share(ctx, e, o.Others, o, r.on); err != nil {
			return err
		}
	}
	switch {
	case !r.Trains():
		return nil
	case r.TaskAdapter:
		r.model = shared
		return r.train(ctx, personal, "", nil)
	case r.o.Regime == Pooled:
		r.adapter = shared
		return r.remember(ctx, validation)
	case r.o.Regime == PooledPersonal:
		return r.train(ctx, personal, shared, nil)
	}
	return r.train(ctx, personal, "", nil)
}

// reuse takes an adapter that is trained already. The run has a copy of it, because the datastore
// belongs to the method and stands in the folder of the adapter.
func (r *run) reuse(ctx context.Context, t Trained) error {
	a, err := weights.ReadAdapter(ctx, r.e.Blobs, t.Adapter)
	if err != nil {
		return err
	}
	r.adapter, r.model = r.folder(personal+"/"+api.AdapterFolder), cmp.Or(t.Model, r.o.Model)
	if err := weights.WriteAdapter(ctx, r.e.Blobs, r.adapter, a); err != nil {
		return err
	}
	r.cost = Cost{TrainSeconds: t.Cost.TrainSeconds, Steps: t.Cost.Steps, Trained: t.Cost.Trained,
		PeakBytes: t.Cost.PeakBytes}
	if !r.Datastore {
		return r.e.Blobs.Delete(ctx, blob.Join(r.adapter, datastore.FileName))
	}
	return r.rememberIn(ctx, r.u.Train, blob.Join(r.adapter, datastore.FileName))
}

// personal is the folder of what is trained for the user.
const personal = "personal"

// remember writes a datastore for predicting the texts of a part, if the method has one: of the
// user's training texts, for an adapter that has none of its own, or of a foreign history.
func (r *run) remember(ctx context.Context, p part) error {
	if !r.Datastore {
		return nil
	}
	items := r.u.Train
	if r.foreign(p) {
		items = foreignItems(r.o.Foreign)
	}
	name := r.folder(p.String() + "-datastore.safetensors")
	r.datastore[p] = name
	if p == validation && !r.foreign(test) {
		r.datastore[test] = name
	}
	return r.rememberIn(ctx, items, name)
}

// rememberIn writes a datastore of items. Its share is fitted to the validation texts.
func (r *run) rememberIn(ctx context.Context, items []history.Item, name string) error {
	source, err := r.source(ctx, items, r.u.Validation)
	if err != nil {
		return err
	}
	params := api.RememberParams{
		Inference: api.Inference{
			Loading: r.o.Loading, Model: r.model, Adapter: r.adapter, Source: source, Template: r.o.Template,
			Retrieval: r.retrieval(),
		},
		NoHistory: r.NoHistory, Out: name,
	}
	var out api.RememberResult
	err = r.call(ctx, "remember", api.MethodRemember, params, &out)
	r.share = out.Share
	return err
}

// never is a number of steps after which a run without early stopping tests its held-out texts. The
// end of the run is always tested.
const never = 1_000_000_000

// train trains an adapter on the user's training texts and on those of further writers. The
// validation texts decide when to stop early, if the training has a patience.
func (r *run) train(ctx context.Context, folder, from string, writers []string) error {
	o, err := causal.Preset(r.Preset)
	if err != nil {
		return err
	}
	source, err := r.source(ctx, r.u.Train, r.u.Validation)
	if err != nil {
		return err
	}
	training := r.o.Training
	if training.Patience == 0 {
		training.EvalEvery, source.MaxHeldout = never, new(1)
	}
	for _, phase := range api.Phases(r.Preset, o) {
		p := api.PersonalizeParams{
			Loading: r.o.Loading, Model: r.model, Source: source, Writers: writers, Template: r.o.Template,
			Retrieval: r.retrieval(), Preset: phase.Preset, LoRA: r.o.LoRA, Training: training,
			Out: r.folder(folder + "/" + phase.Out),
		}
		if phase.Expert != "" {
			p.Expert = r.folder(folder + "/" + phase.Expert)
		}
		if phase.From && from != "" {
			p.From, p.LoRA = from, api.LoRA{}
		}
		var out api.PersonalizeResult
		if err := r.call(ctx, "train", api.MethodPersonalize, p, &out); err != nil {
			return err
		}
		r.cost.TrainSeconds += out.Seconds
		r.cost.Steps += out.Steps
		r.cost.Trained += out.Tokens
		r.cost.PeakBytes = max(r.cost.PeakBytes, out.PeakBytes)
		r.adapter = p.Out
		// The training call gets only one validation text, unless it stops early. The share is
		// fitted to all validation texts, so a separate call writes the datastore.
		if phase.Datastore && folder == personal {
			if err := r.rememberIn(ctx, r.u.Train, blob.Join(p.Out, datastore.FileName)); err != nil {
				return err
			}
		}
	}
	return nil
}
