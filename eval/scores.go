package eval

import (
	"strings"

	"nextquill/core/method"
	"nextquill/core/metric/overlap"
)

// Figure is one of the figures of a text and of a method.
type Figure int

// The figures. A figure of several texts is the sum of their numerators over the sum of their
// denominators, except BLEU, which is that of the corpus.
const (
	Loss           Figure = iota // nats per token at temperature 1
	PreferenceLoss               // the same over preference tokens
	FittedLoss                   // nats per token at the temperature that validation texts prefer
	FittedPrefLoss               // the same over preference tokens
	Probability                  // mean probability of the writer's tokens
	Accuracy                     // share of tokens that are the most likely ones
	HistoryGain                  // nats per token that the history in the prompt is worth
	Rouge1                       // F1 of drafts, mean over texts
	Rouge2                       //
	RougeL                       //
	Bleu                         // of the corpus, 0 to 100
	Meteor                       // mean over texts
	HiddenMatch                  // F1 of metric.HiddenMatch, mean over texts
	LengthRatio                  // words of the drafts / words of the writer's texts
	StopRate                     // share of drafts that an end token ended
	Author                       // share of texts whose author's adapter has the lowest loss
	figures        = iota
)

// part is a text's contribution to a figure; a denominator of 0 is none.
type part struct{ num, den float64 }

// key names a test text.
type key struct {
	user  string
	index int
}

// text has the contributions of one test text.
type text struct {
	key
	parts [figures]part
	bleu  overlap.BLEU
}

// texts computes the contributions of a user's test texts from a cell and its identification, which
// may be nil.
func texts(u method.User, c method.Cell, author *Identify) []text {
	index := map[int]int{}
	var out []text
	for _, s := range c.Texts {
		t := text{key: key{u.ID, s.Index}}
		n, pref := float64(s.Tokens), float64(s.Preference)
		t.parts[Loss] = part{s.Loss, n}
		t.parts[PreferenceLoss] = part{s.Preferred, pref}
		t.parts[FittedLoss] = part{s.Fitted.Loss, n}
		t.parts[FittedPrefLoss] = part{s.Fitted.Preferred, pref}
		t.parts[Probability] = part{s.Probability, n}
		t.parts[Accuracy] = part{float64(s.Correct), n}
		if s.Erased != 0 {
			t.parts[HistoryGain] = part{s.Erased - s.Loss, n}
		}
		index[s.Index] = len(out)
		out = append(out, t)
	}
	for _, d := range c.Drafts {
		i, ok := index[d.Index]
		if !ok || d.Index < 0 || d.Index >= len(u.Test) {
			continue
		}
		own, t := u.Test[d.Index].Text, &out[i]
		rouge := overlap.NewROUGE(d.Text, own)
		t.parts[Rouge1] = part{rouge.One.F1, 1}
		t.parts[Rouge2] = part{rouge.Two.F1, 1}
		t.parts[RougeL] = part{rouge.L.F1, 1}
		t.parts[Meteor] = part{overlap.METEOR(d.Text, own), 1}
		if d.Match != nil {
			t.parts[HiddenMatch] = part{d.Match.F1, 1}
		}
		t.parts[LengthRatio] = part{float64(len(strings.Fields(d.Text))), float64(len(strings.Fields(own)))}
		t.parts[StopRate] = part{flag(d.Ended), 1}
		t.bleu = overlap.NewBLEU(d.Text, own)
		t.parts[Bleu] = part{0, 1}
	}
	if author != nil {
		for j, right := range attributed(u, author) {
			if i, ok := index[j]; ok && right != nil {
				out[i].parts[Author] = part{*right, 1}
			}
		}
	}
	return out
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// attributed says for each test text whether the adapter of its author has the lowest loss: 1 or 0;
// nil if a loss is missing. With equal losses the candidates share it.
func attributed(u method.User, a *Identify) []*float64 {
	own := -1
	for i, id := range a.Candidates {
		if id == u.ID {
			own = i
		}
	}
	out := make([]*float64, len(u.Test))
	if own < 0 {
		return out
	}
	for j := range out {
		best, ties, complete := 0., 0, true
		for i := range a.Candidates {
			if j >= len(a.Losses[i]) || a.Losses[i][j] == nil {
				complete = false
				break
			}
			switch v := *a.Losses[i][j]; {
			case ties == 0 || v < best:
				best, ties = v, 1
			case v == best:
				ties++
			}
		}
		if complete && ties > 0 {
			v := 0.
			if *a.Losses[own][j] == best {
				v = 1 / float64(ties)
			}
			out[j] = &v
		}
	}
	return out
}
