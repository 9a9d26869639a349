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

// isChat reports whether a text is a chat message: with --chat, or if the model has a chat template
// and there is neither a history nor an adapter trained on that model.
func (c writeCmd) isChat(ctx context.Context, j *job) (bool, error) {
	if c.Chat || c.System != "" {
		return true, c.checkChatFlags()
	}
	if c.Model == "" || c.Text == "" || c.History != "" || len(c.Context) > 0 || c.Template == api.TemplatePlain ||
		slices.ContainsFunc(c.Adapter, isAdapter) {
		return false, nil
	}
	about, err := store.Describe(ctx, j.base.files, "")
	if err != nil || !about.Template {
		return false, err
	}
	return len(c.Adapter) > 0 || !hasAdapterFor(ctx, c.Out, about.Config), nil
}

// isAdapter reports whether the flag names an adapter and is not "none".
func isAdapter(adapter string) bool { return adapter != "none" }

// checkChatFlags rejects flags that do not apply to a chat.
func (c writeCmd) checkChatFlags() error {
	switch {
	case c.Text == "":
		return fault.New(fault.Missing, "write", "", "there is no message").
			WithRemedy(`add one, for example: nextquill write --chat "Why is the sky blue?"`)
	case c.History != "" || len(c.Context) > 0 || c.Steer != 0 || c.Template == api.TemplatePlain:
		return fault.New(fault.Mismatch, "write", "--chat, --system",
			"cannot be combined with --history, --context, --steer or --template plain").
			WithRemedy("remove one of the flags")
	}
	return nil
}

// hasAdapterFor reports whether the output folder has an adapter that fits a model.
func hasAdapterFor(ctx context.Context, out string, model weights.Config) bool {
	s, err := dirstore.Open(filepath.Join(out, api.AdapterFolder))
	if err != nil {
		return false
	}
	a, err := weights.ReadAdapter(ctx, s, "")
	return err == nil && weights.CheckAdapter(model, a) == nil
}

// runChat streams the model's answer.
func (c writeCmd) runChat(ctx context.Context, j *job) (err error) {
	drafts := []draftAdapter{{}}
	if len(c.Adapter) > 0 {
		if drafts, err = j.draftAdapters(c.Adapter); err != nil {
			return err
		}
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	var turns []api.ChatMessage
	if c.System != "" {
		turns = append(turns, api.ChatMessage{Role: api.RoleSystem, Content: c.System})
	}
	turns = append(turns, api.ChatMessage{Role: api.RoleUser, Content: c.Text})
	return c.writeDrafts(ctx, j, drafts, func(adapter string, onToken func(string)) (api.WriteResult, error) {
		return j.chatTurn(ctx, adapter, turns, c.sampling(), onToken)
	})
}

// chatTurn generates the next message of a conversation.
func (j *job) chatTurn(ctx context.Context, adapter string, turns []api.ChatMessage, sampling api.Sampling,
	onToken func(string)) (api.WriteResult, error) {
	var r api.WriteResult
	err := j.call(ctx, "answer", api.MethodWrite, api.WriteParams{Inference: api.Inference{Loading: j.loading(),
		Model: modelDir, Adapter: adapter}, Messages: turns, Sampling: sampling}, &r,
		func() string { return fmt.Sprintf("%d tokens  %.1f tok/s", r.Tokens, r.TokensPS) },
		func(name string, raw json.RawMessage) {
			var e api.TokenEvent
			if name == api.EventToken && onToken != nil && json.Unmarshal(raw, &e) == nil {
				onToken(e.Text)
			}
		})
	r.Text = strings.TrimSpace(r.Text)
	return r, err
}
