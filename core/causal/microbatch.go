package causal

import (
	"fmt"

	"nextquill/core/fault"
)

// MicroBatches splits samples, in order, into packs of at most tokenBudget packed tokens and
// responseBudget response tokens. A single sample above a budget is a fault of kind TooLarge that
// names it.
func MicroBatches(samples []Sample, dual bool, tokenBudget, responseBudget int) ([]*Packed, error) {
	var packs []*Packed
	first, tokens, responses := 0, 0, 0
	for i, s := range samples {
		n, r := s.Tokens(dual), len(s.Response)
		if n > tokenBudget || r > responseBudget {
			return nil, fault.New(fault.TooLarge, fmt.Sprintf("sample %d", i), "",
				"%d packed tokens with a response of %d", n, r).
				WithLimit("%d tokens, responses of %d", tokenBudget, responseBudget).
				WithRemedy("raise the token budget, or shorten the prompt or the response")
		}
		if i > first && (tokens+n > tokenBudget || responses+r > responseBudget) {
			packs = append(packs, Pack(samples[first:i], first, dual))
			first, tokens, responses = i, 0, 0
		}
		tokens += n
		responses += r
	}
	if first < len(samples) {
		packs = append(packs, Pack(samples[first:], first, dual))
	}
	return packs, nil
}
