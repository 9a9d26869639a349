package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/weights"
	"nextquill/native/dirstore"
)

// instructModel is a small model with a chat template.
func instructModel(t *testing.T) string {
	dir := t.TempDir()
	const from = "../../core/weights/testdata/f16_untied"
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"),
		[]byte(`{"chat_template": "{{ messages[0].content }}"}`), 0o644))
	return dir
}

// TestWriteChat sends a text as a chat message if the model has a chat template and there is no
// history or adapter.
func TestWriteChat(t *testing.T) {
	model, out := instructModel(t), filepath.Join(t.TempDir(), "out")
	history := filepath.Join(t.TempDir(), "h.csv")
	require.NoError(t, os.WriteFile(history, []byte("word,text,time\nenvy,a,2024-01-01\n"), 0o644))
	wrote := func(args ...string) map[string]any {
		t.Helper()
		r := invoke(t, t.Context(), &fakeEngine{}, append([]string{"write", "--out", out}, args...)...)
		require.Equal(t, exitOK, r.code, r.stderr)
		require.Equal(t, "A longing for what others have.\n", r.stdout)
		requireLines(t, r.stderr, "tokens, ", "tok/s")
		return r.calls(t, "write")[0]
	}
	user := map[string]any{"role": "user", "content": "Why?"}
	p := wrote("--model", model, "Why?")
	require.Equal(t, []any{user}, p["messages"])
	require.Nil(t, p["adapter"])
	require.Empty(t, p["source"].(map[string]any)["history"])
	require.EqualValues(t, 96, p["sampling"].(map[string]any)["max_tokens"])
	p = wrote("Why?", "--system", "Be brief.")
	require.Equal(t, []any{map[string]any{"role": "system", "content": "Be brief."}, user}, p["messages"])

	// With a history, or an adapter trained on the model, the text is not a chat message.
	p = wrote("--model", model, "Why?", "--history", history, "--adapter", "none")
	require.Nil(t, p["messages"])
	require.NoError(t, os.MkdirAll(out, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(out, "history.jsonl"),
		[]byte(`{"context":{"word":"envy"},"text":"a","time":"2024-01-01"}`+"\n"), 0o644))
	config, err := os.ReadFile(filepath.Join(model, "config.json"))
	require.NoError(t, err)
	c, err := weights.ParseConfig("", config)
	require.NoError(t, err)
	rows, cols, _ := c.LinearShape("self_attn.q_proj")
	store, err := dirstore.Open(out)
	require.NoError(t, err)
	learn := func(cols int) {
		a := &weights.Adapter{Rank: 1, Alpha: 1, Targets: []string{"q_proj"}, Pairs: map[string]weights.Pair{
			"model.layers.0.self_attn.q_proj": {A: make([]float32, cols), B: make([]float32, rows), In: cols,
				Out: rows},
		}}
		require.NoError(t, weights.WriteAdapter(t.Context(), store, "adapter", a))
	}
	learn(cols)
	p = wrote("--model", model, "Why?")
	require.Nil(t, p["messages"])
	require.Equal(t, "out/adapter", p["adapter"])
	p = wrote("--model", model, "Why?", "--chat", "--adapter", filepath.Join(out, "adapter"))
	require.Equal(t, []any{user}, p["messages"])
	require.Equal(t, "out/adapter", p["adapter"])
	learn(cols + 4) // an adapter for another model
	require.Equal(t, []any{user}, wrote("--model", model, "Why?")["messages"])

	for _, args := range [][]string{{"--chat"}, {"x", "--chat", "-c", "a=b"},
		{"x", "--system", "y", "--history", history}, {"x", "--chat", "--steer", "1"}} {
		r := invoke(t, t.Context(), &fakeEngine{},
			append([]string{"write", "--model", model, "--out", out}, args...)...)
		require.Equal(t, exitFault, r.code, args)
		require.Empty(t, r.engine.calls)
	}
}
