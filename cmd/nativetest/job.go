package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/samples"
)

// The end-to-end job: it trains the embedded model on a few texts of the sample author, cancels and
// resumes a training run, and writes a text. It takes seconds, so the effect is small: the job only
// checks that the held-out loss falls.

const (
	jobItems   = 12
	jobHeldout = 6
)

// jobStore returns a store with the embedded model and the texts of the sample author.
func jobStore() (*blob.Mem, error) {
	blobs := map[string][]byte{}
	for folder, fsys := range map[string]fs.FS{"model": models.DefaultFS(), "sample": samples.Bierce()} {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			blobs[path.Join(folder, name)], err = fs.ReadFile(fsys, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return blob.NewMem(blobs), nil
}

type job struct {
	api.Client
	store blob.Store
	tally *tally
}

func (j job) run(ctx context.Context) error {
	base, err := j.heldout(ctx, "")
	if err != nil {
		return err
	}
	if err := j.personalize(ctx, "whole", nil); err != nil {
		return err
	}
	tuned, err := j.heldout(ctx, "whole")
	if err != nil {
		return err
	}
	message := ""
	if !(tuned < base) {
		message = "it did not fall"
	}
	j.tally.line("job: held-out loss after training", message, fmt.Sprintf("%.3f to %.3f nats per token", base, tuned))
	if err := j.stopAndResume(ctx); err != nil {
		return err
	}
	return j.write(ctx)
}

func source() api.Source {
	return api.Source{
		History: "sample/history.jsonl", MaxItems: new(jobItems),
		Heldout: "sample/heldout.jsonl", MaxHeldout: new(jobHeldout),
	}
}

func (j job) personalize(ctx context.Context, out string, onEvent func(string, json.RawMessage)) error {
	return j.Call(ctx, "personalize", api.PersonalizeParams{
		Model: "model", Source: source(), Preset: "nextquill-code", Out: out, Resume: true,
		LoRA:     api.LoRA{Rank: new(8), Alpha: new(16.)},
		Training: api.Training{Epochs: new(2.), BatchSize: new(4), LR: new(2e-3), Seed: 7, CheckpointEvery: new(2)},
	}, nil, onEvent)
}

func (j job) heldout(ctx context.Context, adapter string) (float64, error) {
	var r api.EvaluateResult
	params := api.EvaluateParams{Inference: api.Inference{Model: "model", Adapter: adapter, Source: source()}}
	err := j.Call(ctx, "evaluate", params, &r, nil)
	return r.Loss, err
}

// stopAndResume cancels the same run after its first checkpoint, resumes it, and compares the
// adapters bit by bit.
func (j job) stopAndResume(ctx context.Context) error {
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	err := j.personalize(stopped, "parts", func(name string, _ json.RawMessage) {
		if name == "checkpoint" {
			stop()
		}
	})
	if fault.KindOf(err) != fault.Cancelled || ctx.Err() != nil {
		j.tally.line("job: stops when it is cancelled", fmt.Sprintf("it ended with %v", err), "")
		return ctx.Err()
	}
	first := 0
	err = j.personalize(ctx, "parts", func(name string, raw json.RawMessage) {
		var e api.StepEvent
		if first == 0 && name == "step" && j.tally.decode(raw, &e) {
			first = e.Step
		}
	})
	if err != nil {
		return err
	}
	message := ""
	const file = "adapter_model.safetensors"
	whole, err := blob.ReadAll(ctx, j.store, "whole/"+file, 1<<30)
	if err != nil {
		return err
	}
	parts, err := blob.ReadAll(ctx, j.store, "parts/"+file, 1<<30)
	switch {
	case err != nil:
		return err
	case first <= 1:
		message = "it started over"
	case !bytes.Equal(whole, parts):
		message = "the adapters differ"
	}
	detail := fmt.Sprintf("resumed at step %d, %d bytes", first, len(whole))
	j.tally.line("job: stopped and resumed, the same adapter", message, detail)
	return nil
}

// write writes a text with the adapter, and compares the events with the result.
func (j job) write(ctx context.Context) error {
	var streamed string
	var r api.WriteResult
	err := j.Call(ctx, "write", api.WriteParams{
		Inference: api.Inference{Model: "model", Adapter: "whole", Source: source()},
		Context:   []api.Field{{Name: "word", Value: "critic"}, {Name: "part", Value: "noun"}},
		Sampling:  api.Sampling{Temperature: 0.7, TopK: 40, Seed: 3, MaxTokens: new(24)},
	}, &r, func(name string, raw json.RawMessage) {
		var e api.TokenEvent
		if name == "token" && j.tally.decode(raw, &e) {
			streamed += e.Text
		}
	})
	if err != nil {
		return err
	}
	message := ""
	if r.Tokens == 0 || streamed != r.Text {
		message = fmt.Sprintf("streamed %q", streamed)
	}
	j.tally.line("job: writes", message, fmt.Sprintf("%q", r.Text))
	return nil
}
