//go:build !wasm

package session_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/session"
)

// TestAModelThatChats gives the embedded model a chat template: it is learnt, tested and asked by that, unless the plain one is named.
func TestAModelThatChats(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	j.write("model/tokenizer_config.json", `{"bos_token":"<|bos|>","eos_token":"<|eos|>","chat_template":`+
		`"{{ bos_token }}{% for m in messages %}{{ m.role + ':\n' + m.content + eos_token + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:\n' }}{% endif %}"}`)
	eval := session.EvaluateParams{Model: "model", Source: smallSource, Retrieval: smallRetrieval}
	loss := func(template, adapter string) float64 {
		p := eval
		p.Template, p.Adapter = template, adapter
		var r session.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", p, &r, nil))
		return r.Loss
	}
	require.Equal(t, loss("", ""), loss("chat", ""))
	require.NotEqual(t, loss("plain", ""), loss("chat", ""))

	p := small("nextquill-code", "out/chat")
	var r session.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil))
	require.Zero(t, r.Skipped)
	require.InDelta(t, r.Heldout, loss("", "out/chat"), 1e-5)
	require.Less(t, r.Heldout, loss("", ""))

	// An adapter that was trained otherwise is used so, unless one asks for something else.
	q := small("contextsft", "out/plain")
	q.Template, q.Training.Epochs = "plain", 1
	require.NoError(t, j.client.Call(ctx, "personalize", q, &r, nil))
	require.Equal(t, loss("plain", "out/plain"), loss("", "out/plain"))
	require.NotEqual(t, loss("chat", "out/plain"), loss("", "out/plain"))

	answer := func(p session.WriteParams) session.WriteResult {
		p.Model, p.Sampling = "model", session.Sampling{Temperature: .8, Seed: 5, MaxTokens: 12}
		var r session.WriteResult
		require.NoError(t, j.client.Call(ctx, "write", p, &r, nil))
		require.NotEmpty(t, r.Text)
		return r
	}
	hello := []session.ChatMessage{{Role: "user", Content: "Define a telescope."}}
	require.Equal(t, answer(session.WriteParams{Messages: hello}).Text, answer(session.WriteParams{Messages: hello}).Text)
	answer(session.WriteParams{Source: smallSource, Retrieval: smallRetrieval, Context: []session.Field{{Name: "word", Value: "Telescope"}}})
	err := j.client.Call(ctx, "write", session.WriteParams{Model: "model", Template: "plain", Messages: hello}, nil, nil)
	require.ErrorContains(t, err, `write: messages: cannot be laid out by the template "plain"`)
}
