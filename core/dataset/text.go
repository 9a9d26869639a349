package dataset

import (
	"slices"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// Text is an item as token sequences: its prompt, and its whole text in one or more windows. Each
// window has at most MaxPrompt+MaxResponse tokens.
//
// A text that fits after its prompt is one window. The prompt of a text of more than MaxResponse
// tokens is shorter, so that the text fits, but not below half a window: earlier items are left
// out, the least relevant first. What then does not fit is predicted in further windows with the
// same prompt, see causal.Sample.Windows.
type Text struct {
	Prompt   Prompt
	Response []int32 // the text with its end token
	room     int     // tokens of the text in a window
}

// Text encodes items[at], which need not belong to the data set. chosen are the items for its
// prompt, as for Prompt. A context that does not fit gives fault.TooLarge.
func (d *Dataset) Text(items []history.Item, at int, chosen []int) (Text, error) {
	y, err := d.layout.response(items[at].Text)
	if err != nil {
		return Text{}, err
	}
	window, context := d.MaxPrompt+d.MaxResponse, items[at].Context
	most := min(d.MaxPrompt, max(window-len(y), window/2))
	p, err := d.promptWithin(most, items, context, chosen)
	if fault.KindOf(err) == fault.TooLarge && most < d.MaxPrompt { // the context alone is longer
		p, err = d.Prompt(items, context, nil)
	}
	if err != nil {
		return Text{}, err
	}
	t := Text{Prompt: p, Response: y}
	t.room = t.sample(p).Room(window)
	return t, nil
}

// Windows are the sequences of the text after a prompt: its own one, or one with fewer items. They
// predict the same tokens after the same preceding ones, whatever the prompt.
func (t Text) Windows(p Prompt) []causal.Sample { return t.sample(p).Windows(t.room) }

func (t Text) sample(p Prompt) causal.Sample {
	return causal.Sample{With: p.With, Without: p.Without, Response: t.Response}
}

// Item encodes item i. Without history both prompts are that with the history erased; the windows
// are the same as with it, so that losses with and without history are of the same predictions.
func (d *Dataset) Item(i int, noHistory bool) ([]causal.Sample, error) {
	t, err := d.Text(d.Items, i, d.Select(d.Items, i))
	if err != nil {
		return nil, err
	}
	if noHistory {
		t.Prompt.With = t.Prompt.Without
	}
	return t.Windows(t.Prompt), nil
}

// Join joins what was computed for the windows of texts, in order, to one list for each text. index
// is Samples.Index.
func Join[T any](index []int, windows [][]T) (texts [][]T) {
	for i, w := range windows {
		if i > 0 && index[i] == index[i-1] {
			last := len(texts) - 1
			texts[last] = slices.Concat(texts[last], w)
		} else {
			texts = append(texts, w)
		}
	}
	return texts
}
