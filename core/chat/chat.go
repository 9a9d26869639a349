// Package chat renders conversations with a model's chat template. The result equals that of
// transformers' apply_chat_template.
//
// Templates are untrusted and are evaluated by package jinja. Invalid templates and rejected
// conversations give a *fault.Error with the line and column in the template.
package chat

import (
	"time"

	"nextquill/core/fault"
	"nextquill/core/jinja"
)

// The roles of a conversation. Tool messages are not supported.
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
	// Special are the special tokens by their names in tokenizer_config.json, such as "bos_token"
	// and "eos_token".
	Special map[string]string
}

// Options control rendering. The zero value gives apply_chat_template's defaults.
type Options struct {
	// Prompt appends the start of an assistant turn (add_generation_prompt).
	Prompt bool
	// NoThinking turns off the thinking of models that have it, such as Qwen3
	// (enable_thinking=False).
	NoThinking bool
	// Now is the clock of strftime_now. If it is nil, strftime_now is undefined. Templates that
	// allow this (Llama 3.2) then use a fixed date, so a conversation gives the same text on every
	// day.
	Now func() time.Time
}

// New parses a template; name appears in error messages.
func New(name, source string, special map[string]string) (*Template, error) {
	t, err := jinja.Parse(name, source)
	if err != nil {
		return nil, err
	}
	return &Template{t: t, Special: special}, nil
}

// Render renders a conversation. A template may reject it; many do so if the roles do not
// alternate.
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
	vars := jinja.Vars{"messages": jinja.NewList(list...), "tools": nil, "documents": nil,
		"add_generation_prompt": o.Prompt}
	if o.NoThinking {
		vars["enable_thinking"] = false
	}
	for name, token := range t.Special {
		vars[name] = token
	}
	return t.t.Render(vars, o.Now)
}
