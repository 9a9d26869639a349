package main

import (
	"context"
	"fmt"

	"nextquill/core/api"
	"nextquill/report"
)

// voice is an adapter that a text is written with.
type voice struct {
	name    string // what a person calls it
	adapter string // its blob name, or "" for the base model
}

// voicesFor finds the adapters that were named: none named is that of the last run.
func (j *job) voicesFor(paths []string) ([]voice, error) {
	if len(paths) == 0 {
		paths = []string{""}
	}
	var out []voice
	for i, path := range paths {
		v := voice{name: path}
		var err error
		if i == 0 || path == "none" {
			v.adapter, err = j.adapterFor(path)
		} else {
			v.adapter, err = j.mountAdapter(fmt.Sprintf("%s%d", adapterDir, i+1), path)
		}
		if err != nil {
			return nil, err
		}
		if v.adapter == "" {
			v.name = "the base model"
		}
		out = append(out, v)
	}
	return out, nil
}

// each writes one text with each voice. The base model is loaded once for all of them.
func (c writeCmd) each(ctx context.Context, j *job, voices []voice, write func(adapter string, onToken func(string)) (api.WriteResult, error)) error {
	if len(voices) > 1 {
		var adapters []string
		for _, v := range voices {
			if v.adapter != "" {
				adapters = append(adapters, v.adapter)
			}
		}
		if err := j.hold(ctx, adapters...); err != nil {
			return err
		}
	}
	for _, v := range voices {
		if len(voices) > 1 && !j.JSON {
			j.terminal().Title(report.Clean(v.name))
		}
		err := c.stream(j, func(onToken func(string)) (api.WriteResult, error) { return write(v.adapter, onToken) })
		if err != nil {
			return err
		}
	}
	return nil
}

// hold loads the base model once for all calls that follow, and adapters to switch between.
func (j *job) hold(ctx context.Context, adapters ...string) error {
	var r api.LoadResult
	p := api.LoadParams{Loading: j.loading(), Model: modelDir, Adapters: adapters}
	return j.call(ctx, "load", "load", p, &r, func() string { return size(r.LiveBytes) + " on the GPU" }, nil)
}
