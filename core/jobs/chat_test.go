//go:build !wasm

package jobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// TestAModelThatChats gives the embedded model a chat template: methods use it unless the request
// names the plain one.
func TestAModelThatChats(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	j.write("model/tokenizer_config.json", `{"bos_token":"<|bos|>","eos_token":"<|eos|>","chat_template":`+
		`"{{ bos_token }}{% for m in messages %}{{ m.role + ':\n' + m.content + eos_token + '\n' }}{% endfor %}`+
		`{% if add_generation_prompt %}{{ 'assistant:\n' }}{% endif %}"}`)
	eval := api.EvaluateParams{Inference: api.Inference{Model: "model", Source: smallSource, Retrieval: smallRetrieval}}
	loss := func(template, adapter string) float64 {
		p := eval
		p.Template, p.Adapter = template, adapter
		var r api.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", p, &r, nil))
		return r.Loss
	}
	require.Equal(t, loss("", ""), loss("chat", ""))
	require.NotEqual(t, loss("plain", ""), loss("chat", ""))

	p := small("nextquill-code", "out/chat")
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil))
	require.Zero(t, r.Skipped)
	require.InDelta(t, r.Heldout, loss("", "out/chat"), 1e-5)
	require.Less(t, r.Heldout, loss("", ""))

	// The template of an adapter is the default of methods that use it.
	q := small("contextsft", "out/plain")
	q.Template, q.Training.Epochs = "plain", new(1.)
	require.NoError(t, j.client.Call(ctx, "personalize", q, &r, nil))
	require.Equal(t, loss("plain", "out/plain"), loss("", "out/plain"))
	require.NotEqual(t, loss("chat", "out/plain"), loss("", "out/plain"))

	answer := func(p api.WriteParams) api.WriteResult {
		p.Model, p.Sampling = "model", api.Sampling{Temperature: .8, Seed: 5, MaxTokens: new(12)}
		var r api.WriteResult
		require.NoError(t, j.client.Call(ctx, "write", p, &r, nil))
		require.NotEmpty(t, r.Text)
		return r
	}
	hello := []api.ChatMessage{{Role: "user", Content: "Define a telescope."}}
	require.Equal(t, answer(api.WriteParams{Messages: hello}).Text, answer(api.WriteParams{Messages: hello}).Text)
	answer(
		api.WriteParams{
			Inference: api.Inference{Source: smallSource, Retrieval: smallRetrieval},
			Context:   []api.Field{{Name: "word", Value: "Telescope"}},
		},
	)
	err := j.client.Call(
		ctx,
		"write",
		api.WriteParams{Inference: api.Inference{Model: "model", Template: "plain"}, Messages: hello},
		nil,
		nil,
	)
	require.ErrorContains(t, err, `write: messages: cannot be formatted with the template "plain"`)
}
