package causal

import "slices"

// Windows splits a sample with a long response into consecutive windows. room is the number of
// response tokens that fit after the prompt in one window. Each window predicts new tokens from the
// prompt and from the tokens of the response before them:
//
//	prompt | preceding tokens | new tokens
//
// The first window has room new tokens. Each further one has the ⌊room/4⌋ tokens before its new
// tokens; the last has fewer new tokens, and as many more before them. (More than a quarter costs
// time and does not lower the loss, see RATIONALE.md.) The new tokens of all windows, joined, are
// the response: each token, including the end token, is predicted once. Both branches of a window
// have the same preceding tokens, so they still differ in the history only.
//
// A response of at most room tokens, and any response if room is below 1, gives the sample itself.
func (s Sample) Windows(room int) []Sample {
	y := s.Response
	if len(y) <= room || room < 1 {
		return []Sample{s}
	}
	out := []Sample{{With: s.With, Without: s.Without, Response: y[:room:room]}}
	step := room - room/4
	for a := room; a < len(y); {
		b := min(len(y), a+step)
		before := y[b-room : a]
		out = append(out, Sample{
			With: slices.Concat(s.With, before), Without: slices.Concat(s.Without, before), Response: y[a:b:b],
		})
		a = b
	}
	return out
}

// Room is the number of response tokens that fit after the longer prompt in a window of this many
// tokens; the prompt is longer if it is negative.
func (s Sample) Room(window int) int { return window - max(len(s.With), len(s.Without)) }
