package main

import (
	"context"
	"fmt"

	"nextquill/core/api"
	"nextquill/report"
)

// draftAdapter is an adapter to write a text with.
type draftAdapter struct {
	name    string // display name
	adapter string // blob name, or "" for the base model
}

// draftAdapters finds the given adapters. Without any it returns the adapter of the last run.
func (j *job) draftAdapters(paths []string) ([]draftAdapter, error) {
	if len(paths) == 0 {
		paths = []string{""}
	}
	var out []draftAdapter
	for i, path := range paths {
		d := draftAdapter{name: path}
		var err error
		if i == 0 || path == "none" {
			d.adapter, err = j.adapterFor(path)
		} else {
			d.adapter, err = j.mountAdapter(fmt.Sprintf("%s%d", adapterDir, i+1), path)
		}
		if err != nil {
			return nil, err
		}
		if d.adapter == "" {
			d.name = "the base model"
		}
		out = append(out, d)
	}
	return out, nil
}

// writeDrafts writes one text with each adapter. The base model is loaded once.
func (c writeCmd) writeDrafts(ctx context.Context, j *job, drafts []draftAdapter,
	write func(adapter string, onToken func(string)) (api.WriteResult, error)) error {
	if len(drafts) > 1 {
		var adapters []string
		for _, d := range drafts {
			if d.adapter != "" {
				adapters = append(adapters, d.adapter)
			}
		}
		if err := j.loadModel(ctx, adapters...); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if len(drafts) > 1 && !j.JSON {
			j.terminal().Title(report.Clean(d.name))
		}
		err := c.stream(j, func(onToken func(string)) (api.WriteResult, error) { return write(d.adapter, onToken) })
		if err != nil {
			return err
		}
	}
	return nil
}

// loadModel loads the base model for all following calls, and adapters to switch between.
func (j *job) loadModel(ctx context.Context, adapters ...string) error {
	var r api.LoadResult
	p := api.LoadParams{Loading: j.loading(), Model: modelDir, Adapters: adapters}
	return j.call(ctx, "load", api.MethodLoad, p, &r, func() string { return size(r.LiveBytes) + " on the GPU" }, nil)
}
