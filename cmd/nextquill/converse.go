package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/weights"
	"nextquill/models/store"
	"nextquill/native/dirstore"
)

// converses tells whether a text is a message to the model itself: with --chat, and where a model is named that has a chat template,
// and neither a history nor anything learnt on that model says whose text is wanted.
func (c writeCmd) converses(ctx context.Context, j *job) (bool, error) {
	if c.Chat || c.System != "" {
		return true, c.onlyMessage()
	}
	if c.Model == "" || c.Text == "" || c.History != "" || len(c.Context) > 0 || c.Template == "plain" || slices.ContainsFunc(c.Adapter, named) {
		return false, nil
	}
	about, err := store.Describe(ctx, j.base.files, "")
	if err != nil || !about.Template {
		return false, err
	}
	return len(c.Adapter) > 0 || !learntOn(ctx, c.Out, about.Config), nil
}

// named tells whether an adapter is one, and not the word for none.
func named(adapter string) bool { return adapter != "none" }

// onlyMessage refuses what a conversation has no place for.
func (c writeCmd) onlyMessage() error {
	switch {
	case c.Text == "":
		return fault.New(fault.Missing, "write", "", "there is no message to answer").WithRemedy(`give one, such as nextquill write --chat "Why is the sky blue?"`)
	case c.History != "" || len(c.Context) > 0 || c.Steer != 0 || c.Template == "plain":
		return fault.New(fault.Mismatch, "write", "--chat, --system", "have no place beside --history, --context, --steer or --template plain").
			WithRemedy("leave out one or the other")
	}
	return nil
}

// learntOn tells whether the output folder has an adapter that fits a model.
func learntOn(ctx context.Context, out string, model weights.Config) bool {
	s, err := dirstore.Open(filepath.Join(out, api.AdapterFolder))
	if err != nil {
		return false
	}
	a, err := weights.ReadAdapter(ctx, s, "")
	return err == nil && weights.CheckAdapter(model, a) == nil
}

// converse streams the model's answer.
func (c writeCmd) converse(ctx context.Context, j *job) (err error) {
	voices := []voice{{}}
	if len(c.Adapter) > 0 {
		if voices, err = j.voicesFor(c.Adapter); err != nil {
			return err
		}
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	var turns []api.ChatMessage
	if c.System != "" {
		turns = append(turns, api.ChatMessage{Role: "system", Content: c.System})
	}
	turns = append(turns, api.ChatMessage{Role: "user", Content: c.Text})
	return c.each(ctx, j, voices, func(adapter string, onToken func(string)) (api.WriteResult, error) {
		return j.answer(ctx, adapter, turns, c.sampling(), onToken)
	})
}

// answer goes on with a conversation.
func (j *job) answer(ctx context.Context, adapter string, turns []api.ChatMessage, sampling api.Sampling, onToken func(string)) (api.WriteResult, error) {
	var r api.WriteResult
	err := j.call(ctx, "answer", "write", api.WriteParams{Inference: api.Inference{Loading: j.loading(), Model: modelDir, Adapter: adapter}, Messages: turns, Sampling: sampling}, &r,
		func() string { return fmt.Sprintf("%d tokens  %.1f tok/s", r.Tokens, r.TokensPS) },
		func(name string, raw json.RawMessage) {
			var e api.TokenEvent
			if name == "token" && onToken != nil && json.Unmarshal(raw, &e) == nil {
				onToken(e.Text)
			}
		})
	r.Text = strings.TrimSpace(r.Text)
	return r, err
}
