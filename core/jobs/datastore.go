package jobs

import (
	"cmp"
	"context"
	"errors"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/datastore"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// openDatastore reads the datastore that a request uses: the one it names, or that in the folder of
// its adapter. It returns nil if there is none. checkBase checks the base when it is loaded.
func openDatastore(ctx context.Context, env *engine.Env, p api.Inference, cfg weights.Config) (
	*datastore.Datastore, error) {
	name, own := p.Datastore, false
	switch {
	case name == api.DatastoreNone || name == "" && p.Adapter == "":
		return nil, nil
	case name == "":
		name, own = blob.Join(p.Adapter, datastore.FileName), true
	}
	d, err := datastore.Read(ctx, env.Blobs, name, cfg.HiddenSize, cfg.VocabSize)
	if own && errors.Is(err, blob.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	digest, err := adapterDigest(ctx, env, p.Adapter)
	if err != nil {
		return nil, err
	}
	if d.Adapter != digest {
		return nil, otherOrigin(name, "adapter")
	}
	return d, nil
}

// adapterDigest identifies the adapter in folder dir in a datastore; "" is the base model alone.
func adapterDigest(ctx context.Context, env *engine.Env, dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	a, err := weights.ReadAdapter(ctx, env.Blobs, dir)
	if err != nil {
		return "", err
	}
	return datastore.Digest(a), nil
}

// checkBase refuses a datastore of another base model than m: its keys are hidden states of that
// model, and mean nothing to this one.
func checkBase(d *datastore.Datastore, m *model.Model, p api.Inference) error {
	if d.Base != m.Fingerprint {
		return otherOrigin(cmp.Or(p.Datastore, blob.Join(p.Adapter, datastore.FileName)), "base model")
	}
	return nil
}

// otherOrigin is the fault for a datastore that belongs to something else.
func otherOrigin(name, what string) error {
	return fault.New(fault.Mismatch, name, what, "the datastore was made with another %s", what).
		WithRemedy("train again, or delete the file to use the adapter without it")
}

// newest returns the last samples with as many tokens as a datastore can hold, and the number of
// tokens of the others. Of the first returned sample, the first skip response tokens are too many.
func newest(samples []causal.Sample) (kept []causal.Sample, skip, left int) {
	room, first := datastore.MaxEntries, len(samples)
	for first > 0 && room > 0 {
		first--
		room -= len(samples[first].Response)
	}
	skip = max(0, -room)
	for _, s := range samples[:first] {
		left += len(s.Response)
	}
	return samples[first:], skip, left + skip
}

// rememberSamples computes a datastore of samples under m as it is, by the branch with history,
// without the first skip response tokens.
func rememberSamples(ctx context.Context, env *engine.Env, m *model.Model, samples []causal.Sample, skip int,
	set api.Datastore, digest string) (*datastore.Datastore, error) {
	var states []float32
	var tokens []int32
	err := encodeSamples(ctx, env, m, samples, api.StageRemember, func(p *causal.Packed, rows []float32) {
		states = append(states, rows...)
		for _, y := range p.Targets {
			tokens = append(tokens, int32(y))
		}
	})
	if err != nil {
		return nil, err
	}
	width := m.Config.HiddenSize
	d := datastore.New(states[skip*width:], tokens[skip:], width)
	d.Share, d.Sharpness, d.Boost, d.Base, d.Adapter = set.Share, set.Sharpness, set.Boost, m.Fingerprint, digest
	if len(d.Tokens) == 0 {
		return nil, fault.New(fault.NaN, "datastore", "", "the model gives no hidden states").
			WithRemedy("the model or its adapter is damaged: use another one")
	}
	return d, nil
}

// remember writes the datastore of the training items of a source.
func remember(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.RememberParams
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	p.Datastore = api.DatastoreNone
	var r api.RememberResult
	var samples []causal.Sample
	var heldout dataset.Samples
	skip, set := 0, api.Or(p.Set, api.DefaultDatastore())
	prepare := func(d *dataset.Dataset, _ weights.Config) (n model.Needs, err error) {
		s, err := d.Samples(ctx, env.Pause, 0, d.Train, p.NoHistory)
		if err != nil {
			return n, err
		}
		if samples, skip, r.Left = newest(s.Samples); len(samples) == 0 {
			return n, fault.New(fault.Missing, "remember", "items", "there are none that fit the prompt").
				WithRemedy("add items, or shorten their contexts")
		}
		if set.Fit {
			if heldout, err = heldoutSamples(ctx, env, d, p.NoHistory); err != nil {
				return n, err
			}
			n = fitNeeds(samples, heldout)
		}
		n.Encode = encodeNeeds(samples)
		return n, nil
	}
	m, err := openInference(ctx, env, p.Inference, env.TrainedTemplate(ctx, p.Adapter, p.Template), prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	digest, err := adapterDigest(ctx, env, p.Adapter)
	if err != nil {
		return nil, err
	}
	d, err := rememberSamples(ctx, env, m.Model, samples, skip, set, digest)
	if err != nil {
		return nil, err
	}
	if set.Fit {
		if r.Fitted, err = fitShare(ctx, env, m.Model, d, heldout); err != nil {
			return nil, err
		}
	}
	r.Entries, r.Share = len(d.Tokens), d.Share
	return r, datastore.Write(ctx, env.Blobs, p.Out, d)
}
