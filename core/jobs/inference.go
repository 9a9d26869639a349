package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// inference is what a method uses to predict: the model with its adapter, the writer's items and,
// if there is one, the datastore of the writer's tokens.
type inference struct {
	*engine.ModelRef
	data      *dataset.Dataset
	datastore *model.Datastore // or nil
	// share and fitted are those of the datastore.
	share  float64
	fitted string
}

// Free removes from the device what belongs to the call.
func (i *inference) Free() {
	if i.datastore != nil {
		i.datastore.Free()
	}
	i.ModelRef.Free()
}

// openInference opens what a method needs to use a model without training it: the model with its
// adapter, and the writer's items with prompts laid out by template. needs prepares the input, and
// says what memory it takes, before the model is loaded. The caller frees the model.
func openInference(ctx context.Context, env *engine.Env, p api.Inference, template string,
	needs func(*dataset.Dataset, weights.Config) (model.Needs, error)) (*inference, error) {
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, err
	}
	d, err := openData(ctx, env, p.Model, cfg, p.Source, template, p.Retrieval)
	if err != nil {
		return nil, err
	}
	n, err := needs(d, cfg)
	if err != nil {
		return nil, err
	}
	store, err := openDatastore(ctx, env, p, cfg)
	if err != nil {
		return nil, err
	}
	if store != nil {
		n.Entries = len(store.Tokens)
	}
	if err := env.CheckInference(ctx, p.Loading, p.Model, p.Adapter, n); err != nil {
		return nil, err
	}
	if n.Decode != nil {
		env.ExpectDecode(n.Decode, p.Adapter)
	}
	if p.Keep {
		if err := env.KeepBetween(ctx, p.Loading, p.Model); err != nil {
			return nil, err
		}
	}
	m, err := env.OpenModel(ctx, p.Model, p.Adapter, model.LoadOptions{Base: p.Base})
	if err != nil {
		return nil, err
	}
	out := &inference{ModelRef: m, data: d}
	if store != nil {
		if err = checkBase(store, m.Model, p); err == nil {
			out.share, out.fitted = store.Share, store.Fitted
			out.datastore, err = m.NewDatastore(store)
		}
	}
	if err == nil {
		err = env.WarnAdapterMismatch(ctx, p.Adapter, d.Template.Name, m.Base())
	}
	if err != nil {
		out.Free()
		return nil, err
	}
	return out, nil
}

// openData opens a data set for the model in dir.
func openData(ctx context.Context, env *engine.Env, dir string, cfg weights.Config,
	src api.Source, template string, r api.Retrieval) (*dataset.Dataset, error) {
	tok, err := env.Tokenizer(ctx, dir)
	if err != nil {
		return nil, err
	}
	m := dataset.Model{Dir: dir, Config: cfg, Tokenizer: tok}
	return dataset.Open(ctx, env.Blobs, m, src, template, r)
}
