package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// openInference opens what a method needs to use a model without training it: the model with its
// adapter, and the writer's items with prompts laid out by template. needs prepares the input, and
// says what memory it takes, before the model is loaded. The caller frees the model.
func openInference(ctx context.Context, env *engine.Env, p api.Inference, template string,
	needs func(*dataset.Dataset, weights.Config) (model.Needs, error)) (*engine.ModelRef, *dataset.Dataset, error) {
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, nil, err
	}
	d, err := openData(ctx, env, p.Model, cfg, p.Source, template, p.Retrieval)
	if err != nil {
		return nil, nil, err
	}
	n, err := needs(d, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := env.CheckInference(ctx, p.Loading, p.Model, p.Adapter, n); err != nil {
		return nil, nil, err
	}
	m, err := env.OpenModel(ctx, p.Model, p.Adapter, model.LoadOptions{Base: p.Base})
	if err != nil {
		return nil, nil, err
	}
	if err := env.WarnAdapterMismatch(ctx, p.Adapter, d.Template.Name, m.Base()); err != nil {
		m.Free()
		return nil, nil, err
	}
	return m, d, nil
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
