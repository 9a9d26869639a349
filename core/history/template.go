package history

import (
	"strings"

	"nextquill/core/fault"
)

// Template lays out a request as text in segments. Each segment is encoded separately and the
// tokens are joined. So the two prompts of the causal objective differ only in the history segment:
//
//	with history:     Prefix + blocks of the items + Suffix
//	without history:  Prefix + Erased              + Suffix
type Template struct {
	Name   string // an adapter records it
	Prefix string // before the history
	Erased string // replaces an empty or erased history
	Now    string // before the request's own context
	Label  string // before a text; the response follows after a space
}

// Plain is the template for base models without a chat template.
var Plain = Template{Name: "plain", Prefix: "History:\n", Erased: "None\n\n", Now: "Now:\n", Label: "text:"}

// Chat is the content of the user's turn for models with a chat template. The response is the
// assistant's turn.
var Chat = Template{
	Name:   "chat",
	Prefix: "Texts that I have written, each with what it was for:\n\n",
	Erased: "None\n\n",
	Now:    "Write my next text, in my own words and style. Answer with the text alone.\n\n",
	Label:  "text:",
}

// Templates lists the known templates.
func Templates() []Template { return []Template{Plain, Chat} }

// TemplateByName returns a template; an unknown name is a fault of kind Unsupported.
func TemplateByName(name string) (Template, error) {
	var names []string
	for _, t := range Templates() {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Template{}, fault.New(fault.Unsupported, "", "template", "%s is not known", fault.Quote(name)).
		WithRemedy("use one of: %s", strings.Join(names, ", "))
}

// Segments are the parts of the two prompts of a request.
type Segments struct {
	Prefix  string
	History string // equal to Erased without items
	Erased  string
	Suffix  string
}

// Prompt lays out a request with these items as history, in the given order, which should be oldest
// first.
func (t Template) Prompt(items []Item, context []Field) Segments {
	s := Segments{Prefix: t.Prefix, Erased: t.Erased, Suffix: t.Now + fieldLines(context) + t.Label}
	var b strings.Builder
	for _, it := range items {
		b.WriteString(t.Block(it))
	}
	if s.History = b.String(); s.History == "" {
		s.History = t.Erased
	}
	return s
}

// Block is one item of the history.
func (t Template) Block(it Item) string {
	return fieldLines(it.Context) + t.Label + " " + it.Text + "\n\n"
}

// Response is a text as it follows the suffix, without the end token.
func (t Template) Response(text string) string { return " " + text }

func fieldLines(fields []Field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name)
		b.WriteString(": ")
		b.WriteString(f.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

// Encoder encodes text as token ids; *tokenizer.Tokenizer implements it.
type Encoder interface {
	Encode(text string) []int32
}

// Encoded are the token ids of Segments.
type Encoded struct {
	Prefix, History, Erased, Suffix []int32
}

// Encode encodes each segment separately.
func (s Segments) Encode(e Encoder) Encoded {
	return Encoded{
		Prefix: e.Encode(s.Prefix), History: e.Encode(s.History),
		Erased: e.Encode(s.Erased), Suffix: e.Encode(s.Suffix),
	}
}

// With is the prompt with history.
func (e Encoded) With() []int32 { return join(e.Prefix, e.History, e.Suffix) }

// Without is the prompt with the history erased.
func (e Encoded) Without() []int32 { return join(e.Prefix, e.Erased, e.Suffix) }

// Len is the length of the longer prompt in tokens.
func (e Encoded) Len() int { return len(e.Prefix) + max(len(e.History), len(e.Erased)) + len(e.Suffix) }

func join(parts ...[]int32) (out []int32) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
