package dataset

import (
	"slices"

	"nextquill/core/api"
	"nextquill/core/chat"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// Prompt is a prompt in both forms, in token ids.
type Prompt struct {
	With    []int32 // P_h, with the history
	Without []int32 // P_0, with the history erased
	Items   []int   // places of the retrieved items, oldest first
}

// Select returns the places of the items to put into the prompt of items[query], the best first. It
// leaves out copies of the query's text: they would show the text that is to be predicted. items
// are those of the data set, and may have the query after them.
func (d *Dataset) Select(items []history.Item, query int) []int {
	text := history.TextDigest(items[query].Text)
	copies := d.equal[text]
	chosen := d.retriever.Select(items, query, d.k+copies)
	if copies > 0 {
		chosen = slices.DeleteFunc(chosen, func(i int) bool { return history.TextDigest(items[i].Text) == text })
	}
	return chosen[:min(len(chosen), d.k)]
}

// Prompt lays out the prompts for a context. chosen are places in items, the best first. Items that
// do not fit into MaxPrompt tokens are left out, the worst first; a single item that is longer is
// cut. A context that does not fit by itself gives fault.TooLarge.
func (d *Dataset) Prompt(items []history.Item, context []history.Field, chosen []int) (Prompt, error) {
	return d.promptWithin(d.MaxPrompt, items, context, chosen)
}

// promptWithin is Prompt for at most most tokens.
func (d *Dataset) promptWithin(most int, items []history.Item, context []history.Field, chosen []int) (Prompt,
	error) {
	fixed, err := d.fixedTokens()
	if err != nil {
		return Prompt{}, err
	}
	encoder := plainLayout{tok: d.Tokenizer}
	for limit := most - fixed; ; {
		s, kept, err := d.Template.Fit(encoder, items, chosen, context, limit)
		if err != nil {
			return Prompt{}, err
		}
		p := Prompt{Items: kept}
		if p.With, p.Without, err = d.layout.prompts(s); err != nil {
			return Prompt{}, err
		}
		over := max(len(p.With), len(p.Without)) - most
		if over <= 0 {
			return p, nil
		}
		limit -= over // segments may take more tokens together than apart
	}
}

// fixedTokens counts the tokens that the layout adds to every prompt. The layout depends on its
// input only, so they are counted once.
func (d *Dataset) fixedTokens() (int, error) {
	if d.fixed == 0 {
		empty, _, err := d.layout.prompts(history.Segments{})
		if err != nil {
			return 0, err
		}
		d.fixed = len(empty)
	}
	return d.fixed, nil
}

// Ends are the tokens that end a response, the usual one first.
func (d *Dataset) Ends() []int32 { return d.layout.ends() }

// Chats tells whether the layout is the model's chat template, so that it can lay out a
// Conversation.
func (d *Dataset) Chats() bool {
	_, ok := d.layout.(*chatLayout)
	return ok
}

// Conversation encodes turns up to where the assistant's answer begins. It needs Chats.
func (d *Dataset) Conversation(turns []api.ChatMessage) ([]int32, error) {
	l, ok := d.layout.(*chatLayout)
	if !ok {
		return nil, fault.New(fault.Mismatch, "conversation", "", "cannot be formatted with the template %s",
			fault.Quote(d.Template.Name)).WithRemedy("use a model with a chat template")
	}
	messages := make([]chat.Message, len(turns))
	for i, m := range turns {
		messages[i] = chat.Message(m)
	}
	return l.conversation(messages)
}

// Fields converts the context of a request to that of an item.
func Fields(fields []api.Field) []history.Field {
	out := make([]history.Field, len(fields))
	for i, f := range fields {
		out[i] = history.Field(f)
	}
	return out
}
