package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/chat"
)

// TestThoughtsAreClosed: a prompt never ends inside a thought, and the response is the text alone,
// with the token that ends the turn.
func TestThoughtsAreClosed(t *testing.T) {
	const r1 = `{% for m in messages %}{% if m.role=='user' %}<U>{{m.content}}{% else %}` +
		`<A>{{m.content.split('</think>')[-1]}}<|im_end|>{% endif %}{% endfor %}`
	const qwen = `{% for m in messages %}{% if m.role=='user' %}<U>{{m.content}}{% else %}` +
		"<A><think>\n\n</think>\n\n{{m.content}}<|im_end|>\n{% endif %}{% endfor %}"
	for name, c := range map[string]struct{ template, prompt string }{
		"DeepSeek-R1": {
			r1 + "{% if add_generation_prompt %}<A><think>\n{% endif %}",
			"<U>?<A><think>\n\n</think>\n\n",
		},
		"no line end": {
			r1 + "{% if add_generation_prompt %}<A><think>{% endif %}",
			"<U>?<A><think>\n\n</think>\n\n",
		},
		"with a start": {
			r1 + "{% if add_generation_prompt %}<A><think>\nSo, {% endif %}",
			"<U>?<A><think>\nSo, \n\n</think>\n\n",
		},
		"Qwen3-Thinking": {
			qwen + "{% if add_generation_prompt %}<A><think>\n{% endif %}",
			"<U>?<A><think>\n\n</think>\n\n",
		},
		"brackets": {
			r1 + "{% if add_generation_prompt %}<A>[THINK]{% endif %}",
			"<U>?<A>[THINK]\n\n[/THINK]\n\n",
		},
		"closed already": {
			r1 + "{% if add_generation_prompt %}<A><think></think>{% endif %}",
			"<U>?<A><think></think>",
		},
		"no thought": {
			r1 + "{% if add_generation_prompt %}<A>{% endif %}",
			"<U>?<A>",
		},
		"other tags": {
			r1 + "{% if add_generation_prompt %}<A><b>{% endif %}",
			"<U>?<A><b>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, cfg := chatStore(t, "qwen3")
			require.NoError(t, store.Write(t.Context(), "m/"+chat.TemplateName, []byte(c.template)))
			d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "chat", api.Retrieval{})
			require.NoError(t, err)
			ids, err := d.Conversation([]api.ChatMessage{{Role: "user", Content: "?"}})
			require.NoError(t, err)
			require.Equal(t, c.prompt, d.Tokenizer.Decode(ids))
			y, err := d.layout.response("Hello.")
			require.NoError(t, err)
			require.Equal(t, "Hello.<|im_end|>", d.Tokenizer.Decode(y))

			// A tag that the user writes is no thought of the model.
			ids, err = d.Conversation([]api.ChatMessage{{Role: "user", Content: "What does <think> mean?"}})
			require.NoError(t, err)
			require.Equal(t, "<U>What does <think> mean"+c.prompt[3:], d.Tokenizer.Decode(ids))
		})
	}
}
