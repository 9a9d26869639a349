package dataset

import (
	"context"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/chat"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
)

// layout encodes a request and its response. Both prompts of a request differ in the history only,
// and the response is the same after both. The result depends on the input only.
type layout interface {
	// prompts encodes a request with its history and with the history erased.
	prompts(s history.Segments) (with, without []int32, err error)
	// response encodes a text as the model should have written it, with its end token.
	response(text string) ([]int32, error)
	// ends are the tokens that end a response, the usual one first.
	ends() []int32
}

// openLayout selects the template of that name. If the name is empty, it selects the model's chat
// template if it has one, else the plain one.
func openLayout(ctx context.Context, store blob.Store, m Model, name string) (history.Template, layout, error) {
	dir, tok, cfg := m.Dir, m.Tokenizer, m.Config
	ends, err := weights.ReadEOS(ctx, store, dir, cfg)
	if err != nil {
		return history.Template{}, nil, err
	}
	plain := plainLayout{tok: tok, begin: tok.Begin(cfg.BOS), end: ends}
	if name == history.Plain.Name {
		return history.Plain, plain, plain.check(dir)
	}
	if name != "" {
		if _, err := history.TemplateByName(name); err != nil {
			return history.Template{}, nil, err
		}
	}
	t, err := chat.Load(ctx, store, dir)
	switch {
	case err != nil:
		return history.Template{}, nil, err
	case t == nil && name == "":
		return history.Plain, plain, plain.check(dir)
	case t == nil:
		return history.Template{}, nil, fault.New(fault.Missing, dir, chat.ConfigName, "there is no chat template").
			WithRemedy("use the plain template")
	}
	if id, ok := tok.ID(t.Special["eos_token"]); ok && !slices.Contains(ends, id) {
		ends = append(ends, id)
	}
	plain.end = ends
	l := &chatLayout{tok: tok, t: t, end: ends}
	for _, a := range tok.Added() {
		if slices.Contains(ends, a.ID) {
			l.turnEnd = append(l.turnEnd, a.ID)
		}
	}
	return history.Chat, l, plain.check(dir)
}

// plainLayout is running text, for models that were not trained to chat.
type plainLayout struct {
	tok   *tokenizer.Tokenizer
	begin []int32 // before a prompt: the BOS token, or none
	end   []int32
}

func (l plainLayout) check(dir string) error {
	if len(l.end) == 0 {
		return fault.New(fault.Missing, dir, "eos_token_id", "there is none").WithRemedy("add the id of the end token")
	}
	return nil
}

// Encode implements history.Encoder. A segment continues the text before it.
func (l plainLayout) Encode(text string) []int32 { return l.tok.EncodeNext(text) }

func (l plainLayout) prompts(s history.Segments) (with, without []int32, err error) {
	e := s.Encode(l)
	return slices.Concat(l.begin, e.With()), slices.Concat(l.begin, e.Without()), nil
}

func (l plainLayout) response(text string) ([]int32, error) {
	return append(l.Encode(history.Plain.Response(text)), l.end[0]), nil
}

func (l plainLayout) ends() []int32 { return l.end }

// chatLayout is a conversation in the model's own format. The user's turn holds the request with
// its history, the assistant's turn the response. Control tokens in user text are escaped.
type chatLayout struct {
	tok *tokenizer.Tokenizer
	t   *chat.Template
	end []int32
	// turnEnd are those of end that are added tokens, which escaped text cannot contain.
	turnEnd []int32
}

// conversation encodes turns up to where the assistant's answer begins.
func (l *chatLayout) conversation(turns []chat.Message) ([]int32, error) {
	text, err := l.ask(turns)
	return l.tok.EncodeEscaped(text, true), err
}

// ask renders turns up to where the assistant's answer begins, which is not inside a thought.
func (l *chatLayout) ask(turns []chat.Message) (string, error) {
	asked, err := l.render(turns, true)
	if err != nil {
		return "", err
	}
	before, err := l.render(turns, false)
	return closeThought(asked, before), err
}

func (l *chatLayout) render(turns []chat.Message, prompt bool) (string, error) {
	turns = slices.Clone(turns)
	for i := range turns {
		turns[i].Content = l.tok.Escape(turns[i].Content)
	}
	return l.t.Render(turns, chat.Options{Prompt: prompt, NoThinking: true})
}

func (l *chatLayout) prompts(s history.Segments) (with, without []int32, err error) {
	ask := func(history string) ([]int32, error) {
		return l.conversation([]chat.Message{{Role: chat.User, Content: s.Prefix + history + s.Suffix}})
	}
	if with, err = ask(s.History); err != nil {
		return nil, nil, err
	}
	without, err = ask(s.Erased)
	return with, without, err
}

// response is what the template appends to a prompt once the answer is known, up to the token that
// ends the turn.
func (l *chatLayout) response(text string) ([]int32, error) {
	turns := []chat.Message{{Role: chat.User, Content: "?"}}
	asked, err := l.ask(turns)
	if err != nil {
		return nil, err
	}
	whole, err := l.render(append(turns, chat.Message{Role: chat.Assistant, Content: text}), false)
	if err != nil {
		return nil, err
	}
	answer, ok := strings.CutPrefix(whole, asked)
	if !ok { // the template lays out the turns before a finished answer differently
		answer = l.tok.Escape(text)
		if at := strings.LastIndex(whole, answer); at >= 0 { // with what ends the turn
			answer = whole[at:]
		}
	}
	ids := l.tok.EncodeEscaped(answer, false)
	for i, id := range ids {
		if slices.Contains(l.turnEnd, id) {
			return ids[:i+1], nil
		}
	}
	return append(ids, l.end[0]), nil
}

func (l *chatLayout) ends() []int32 { return l.end }
