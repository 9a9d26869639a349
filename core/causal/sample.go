package causal

import (
	"fmt"

	"nextquill/core/fault"
)

// Sample is one training example, in token ids.
type Sample struct {
	With     []int32 `json:"with"`     // full prompt with history
	Without  []int32 `json:"without"`  // full prompt with the history erased
	Response []int32 `json:"response"` // y_1..y_T, including the end token
}

// Check returns a fault for empty parts and for ids outside the vocabulary. where names the sample
// in the message.
func (s Sample) Check(where string, vocab int) error {
	for _, part := range []struct {
		name string
		ids  []int32
	}{{"with", s.With}, {"without", s.Without}, {"response", s.Response}} {
		if len(part.ids) == 0 {
			return fault.New(fault.Missing, where, part.name, "no tokens").
				WithRemedy("give the prompt at least one token (BOS), and the response at least its end token")
		}
		for i, id := range part.ids {
			if id < 0 || int(id) >= vocab {
				return fault.New(fault.OutOfRange, where, fmt.Sprintf("%s[%d]", part.name, i), "token id %d", id).
					WithLimit("0 to %d", vocab-1)
			}
		}
	}
	return nil
}

// shared is the length of the common prefix of both prompts. Each branch keeps at least the last
// token of its prompt, which predicts y_1.
func (s Sample) shared() int {
	limit := min(len(s.With), len(s.Without)) - 1
	n := 0
	for n < limit && s.With[n] == s.Without[n] {
		n++
	}
	return n
}

// Tokens is the number of packed tokens of the sample. The last response token predicts nothing and
// is not packed.
func (s Sample) Tokens(dual bool) int {
	n := len(s.With) + len(s.Response) - 1
	if dual {
		n += len(s.Without) - s.shared() + len(s.Response) - 1
	}
	return n
}
