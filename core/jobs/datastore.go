package jobs

import (
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
// its adapter. It returns nil if there is none.
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
	digest := ""
	if p.Adapter != "" {
		a, err := weights.ReadAdapter(ctx, env.Blobs, p.Adapter)
		if err != nil {
			return nil, err
		}
		digest = datastore.Digest(a)
	}
	if d.Adapter != digest {
		return nil, fault.New(fault.Mismatch, name, "adapter", "the datastore was made with another adapter").
			WithRemedy("train again, or delete the file to use the adapter without it")
	}
	return d, nil
}

// rememberBudget is the number of tokens of a micro-batch, except for a single longer sample.
const rememberBudget = 2048

// rememberNeeds is the size of an encoder for samples.
func rememberNeeds(samples []causal.Sample) int {
	budget := rememberBudget
	for _, s := range samples {
		budget = max(budget, s.Tokens(false))
	}
	return budget
}

// newest returns as many of the last samples as a datastore can hold, and the number of response
// tokens of the others.
func newest(samples []causal.Sample) (kept []causal.Sample, left int) {
	tokens := 0
	for i := len(samples) - 1; i >= 0; i-- {
		if tokens += len(samples[i].Response); tokens > datastore.MaxEntries {
			for _, s := range samples[:i+1] {
				left += len(s.Response)
			}
			return samples[i+1:], left
		}
	}
	return samples, 0
}

// remember computes a datastore of samples under m as it is, by the branch with history.
func rememberSamples(ctx context.Context, env *engine.Env, m *model.Model, samples []causal.Sample, set api.Datastore,
	digest string) (*datastore.Datastore, error) {
	budget := rememberNeeds(samples)
	packs, err := causal.MicroBatches(samples, false, budget, budget)
	if err != nil {
		return nil, err
	}
	e, err := m.NewEncoder(budget)
	if err != nil {
		return nil, err
	}
	defer e.Free()
	progress := stageProgress(env, api.StageRemember, len(samples))
	var states []float32
	var tokens []int32
	done := 0
	for _, p := range packs {
		if err := env.Pause(ctx); err != nil {
			return nil, err
		}
		begun := float64(done)
		rows, err := e.Run(ctx, p, func(share float64) { progress(begun + share*float64(p.Samples)) })
		if err != nil {
			return nil, err
		}
		states = append(states, rows...)
		for _, y := range p.Targets {
			tokens = append(tokens, int32(y))
		}
		done += p.Samples
		progress(float64(done))
	}
	d := datastore.New(states, tokens, m.Config.HiddenSize)
	d.Share, d.Sharpness, d.Boost, d.Adapter = set.Share, set.Sharpness, set.Boost, digest
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
	prepare := func(d *dataset.Dataset, _ weights.Config) (n model.Needs, err error) {
		s, err := d.Samples(ctx, env.Pause, 0, d.Train, p.NoHistory)
		if err != nil {
			return n, err
		}
		if samples, r.Left = newest(s.Samples); len(samples) == 0 {
			return n, fault.New(fault.Missing, "remember", "items", "there are none that fit the prompt").
				WithRemedy("add items, or shorten their contexts")
		}
		return model.Needs{Encode: rememberNeeds(samples)}, nil
	}
	m, err := openInference(ctx, env, p.Inference, env.TrainedTemplate(ctx, p.Adapter, p.Template), prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	digest := ""
	if p.Adapter != "" {
		a, err := weights.ReadAdapter(ctx, env.Blobs, p.Adapter)
		if err != nil {
			return nil, err
		}
		digest = datastore.Digest(a)
	}
	d, err := rememberSamples(ctx, env, m.Model, samples, api.Or(p.Set, api.DefaultDatastore()), digest)
	if err != nil {
		return nil, err
	}
	r.Entries = len(d.Tokens)
	return r, datastore.Write(ctx, env.Blobs, p.Out, d)
}
