// Package chat lays conversations out as the template that comes with a model says, with the result that transformers'
// apply_chat_template has.
package chat

import (
	"time"

	"nextquill/core/fault"
	"nextquill/core/jinja"
)

// The roles of a conversation. Tools are not among them.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// Message is one turn.
type Message struct {
	Role    string
	Content string
}

// Template is a model's chat template.
type Template struct {
	t *jinja.Template
	// Special are the special tokens by their names in tokenizer_config.json: "bos_token", "eos_token".
	Special map[string]string
}

// Options say how a conversation is laid out; the zero value does as apply_chat_template does when it is given nothing else.
type Options struct {
	// Prompt ends the text with what precedes an answer (add_generation_prompt).
	Prompt bool
	// NoThinking asks models that think aloud (Qwen3) not to (enable_thinking=False).
	NoThinking bool
	// Now is what strftime_now reads. Without it that function is undefined, and templates which can do without (Llama 3.2) take
	// the date written in them: a conversation then has the same text on every day.
	Now func() time.Time
}

// New reads a template; name is used in messages.
func New(name, source string, special map[string]string) (*Template, error) {
	t, err := jinja.Parse(name, source)
	if err != nil {
		return nil, err
	}
	return &Template{t: t, Special: special}, nil
}

// Render lays a conversation out. A template may refuse one, and many do where turns do not alternate.
func (t *Template) Render(messages []Message, o Options) (string, error) {
	list := make([]any, len(messages))
	for i, m := range messages {
		switch m.Role {
		case System, User, Assistant:
		default:
			return "", fault.New(fault.Unsupported, "messages", "role", "%s", fault.Quote(m.Role)).
				WithRemedy("use %s, %s or %s", System, User, Assistant)
		}
		list[i] = jinja.NewDict().Set("role", m.Role).Set("content", m.Content)
	}
	vars := jinja.Vars{"messages": jinja.NewList(list...), "tools": nil, "documents": nil, "add_generation_prompt": o.Prompt}
	if o.NoThinking {
		vars["enable_thinking"] = false
	}
	for name, token := range t.Special {
		vars[name] = token
	}
	return t.t.Render(vars, o.Now)
}
