package causal

import (
	"fmt"

	"nextquill/core/fault"
)

// Sample is one training example: token ids of the whole prompt with history,
// of the whole prompt with the history erased, and of the response including
// its end token.
type Sample struct {
	With     []int32 `json:"with"`
	Without  []int32 `json:"without"`
	Response []int32 `json:"response"`
}

// Check refuses empty parts and ids outside the vocabulary; where names the
// sample in messages.
func (s Sample) Check(where string, vocab int) error {
	for _, part := range []struct {
		name string
		ids  []int32
	}{{"with", s.With}, {"without", s.Without}, {"response", s.Response}} {
		if len(part.ids) == 0 {
			return fault.New(fault.Missing, where, part.name, "has no tokens").
				WithRemedy("a prompt needs at least one token (BOS), a response at least its end token")
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

// shared is the number of tokens that both branches share: the common prefix,
// but each branch keeps the last token of its prompt, which predicts y_1.
func (s Sample) shared() int {
	limit := min(len(s.With), len(s.Without)) - 1
	n := 0
	for n < limit && s.With[n] == s.Without[n] {
		n++
	}
	return n
}

// Tokens is the number of packed tokens the sample takes. The last response
// token predicts nothing and is not packed.
func (s Sample) Tokens(dual bool) int {
	n := len(s.With) + len(s.Response) - 1
	if dual {
		n += len(s.Without) - s.shared() + len(s.Response) - 1
	}
	return n
}

// Packed is a micro-batch: samples laid one after the other as
// prefix | branch with history | erased branch, with no padding.
//
// A query sees the keys [a0,a1) ∪ [b0,b1): its sample's prefix and its own
// branch up to itself. A key is seen by one contiguous range of queries.
type Packed struct {
	IDs       []uint32 // [tokens]
	Positions []uint32 // [tokens], within the branch
	Ranges    []uint32 // [tokens, 4]: a0, a1, b0, b1
	KeyRanges []uint32 // [tokens, 2]: first query, end of queries

	// Head rows: the tokens whose logits predict a response token, in stream
	// order (per sample all rows with history, then all without).
	HeadTokens    []uint32 // [rows]: index into the stream
	HeadRanges    []uint32 // [rows, 4]: Ranges of those tokens
	HeadPositions []uint32 // [rows]
	// HeadKeyRanges are, per token, the head rows that see it as a key.
	HeadKeyRanges []uint32 // [tokens, 2]
	// Order lists head rows as the loss wants them: the R rows with history,
	// then the R rows without; row r pairs with row R+r.
	Order   []uint32 // [rows]
	Targets []uint32 // [responses]

	// Sample and Index say which response token each is.
	Sample []int // [responses]
	Index  []int // [responses]

	Samples int
	Dual    bool
}

// Pack lays samples out. dual adds the erased branch; the first sample's number
// is base in Packed.Sample.
func Pack(samples []Sample, base int, dual bool) *Packed {
	p := &Packed{Samples: len(samples), Dual: dual}
	var orderWith, orderWithout []uint32
	for i, s := range samples {
		start := len(p.IDs)
		shared := 0
		end := start + s.Tokens(dual)
		if dual {
			shared = s.shared()
		}
		headStart := len(p.HeadTokens)
		headEnd := headStart + len(s.Response)
		if dual {
			headEnd += len(s.Response)
		}
		// The shared prefix is causal on its own and seen by both branches.
		for j, id := range s.With[:shared] {
			row := start + j
			p.token(id, j, [4]int{start, start, start, row + 1}, [2]int{row, end}, [2]int{headStart, headEnd})
		}
		orderWith = append(orderWith, p.branch(start, shared, s.With, s.Response)...)
		if dual {
			orderWithout = append(orderWithout, p.branch(start, shared, s.Without, s.Response)...)
		}
		for t, y := range s.Response {
			p.Targets = append(p.Targets, uint32(y))
			p.Sample = append(p.Sample, base+i)
			p.Index = append(p.Index, t)
		}
	}
	p.Order = append(orderWith, orderWithout...)
	return p
}

// branch appends one branch's own tokens and returns its head rows.
func (p *Packed) branch(start, shared int, prompt, response []int32) []uint32 {
	first := len(p.IDs)
	n := len(prompt) + len(response) - 1
	end := first + n - shared
	headStart := len(p.HeadTokens)
	headEnd := headStart + len(response)
	var rows []uint32
	for j := shared; j < n; j++ {
		id := int32(0)
		if j < len(prompt) {
			id = prompt[j]
		} else {
			id = response[j-len(prompt)]
		}
		row := first + j - shared
		// Head rows that see this key: those at or after it in the branch.
		seen := headStart + max(0, j-(len(prompt)-1))
		p.token(id, j, [4]int{start, start + shared, first, row + 1}, [2]int{row, end}, [2]int{seen, headEnd})
		if j >= len(prompt)-1 {
			rows = append(rows, uint32(len(p.HeadTokens)))
			p.HeadTokens = append(p.HeadTokens, uint32(row))
			p.HeadRanges = append(p.HeadRanges, uint32(start), uint32(start+shared), uint32(first), uint32(row+1))
			p.HeadPositions = append(p.HeadPositions, uint32(j))
		}
	}
	return rows
}

func (p *Packed) token(id int32, pos int, ranges [4]int, keys, heads [2]int) {
	p.IDs = append(p.IDs, uint32(id))
	p.Positions = append(p.Positions, uint32(pos))
	for _, v := range ranges {
		p.Ranges = append(p.Ranges, uint32(v))
	}
	p.KeyRanges = append(p.KeyRanges, uint32(keys[0]), uint32(keys[1]))
	p.HeadKeyRanges = append(p.HeadKeyRanges, uint32(heads[0]), uint32(heads[1]))
}

// Tokens, Responses and Rows are the counts that a plan is replayed with.
func (p *Packed) Tokens() int { return len(p.IDs) }

// Responses is the number of response tokens R.
func (p *Packed) Responses() int { return len(p.Targets) }

// Rows is the number of head rows: 2R with both branches, else R.
func (p *Packed) Rows() int { return len(p.HeadTokens) }

// Pairs counts the pairs of a query and a key it sees, over all tokens and over
// the head rows: what attention costs.
func (p *Packed) Pairs() (tokens, heads int64) {
	count := func(ranges []uint32) (n int64) {
		for i := 0; i < len(ranges); i += 4 {
			n += int64(ranges[i+1]-ranges[i]) + int64(ranges[i+3]-ranges[i+2])
		}
		return n
	}
	return count(p.Ranges), count(p.HeadRanges)
}

// MicroBatches cuts samples, in order, into packs of at most tokenBudget packed
// tokens and responseBudget response tokens. A sample that alone is larger is an
// error that names it.
func MicroBatches(samples []Sample, dual bool, tokenBudget, responseBudget int) ([]*Packed, error) {
	var packs []*Packed
	first, tokens, responses := 0, 0, 0
	for i, s := range samples {
		n, r := s.Tokens(dual), len(s.Response)
		if n > tokenBudget || r > responseBudget {
			return nil, fault.New(fault.TooLarge, fmt.Sprintf("sample %d", i), "",
				"%d packed tokens with a response of %d", n, r).
				WithLimit("a token budget of %d, responses of %d", tokenBudget, responseBudget).
				WithRemedy("raise the token budget, or cut the prompt or the response")
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
