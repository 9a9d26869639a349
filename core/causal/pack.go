package causal

// Packed is a micro-batch in one token stream without padding. Each sample is laid out as
//
//	shared prefix | branch with history | branch without history
//
// A query attends to the keys [a0,a1) ∪ [b0,b1): its sample's prefix, and its own branch up to
// itself. A key is attended to by one contiguous range of queries.
type Packed struct {
	IDs       []uint32 // [tokens]
	Positions []uint32 // [tokens], within the branch
	Ranges    []uint32 // [tokens, 4]: a0, a1, b0, b1
	KeyRanges []uint32 // [tokens, 2]: first query, end of queries

	// Head rows are the tokens whose logits predict a response token, in stream order: per sample
	// all rows with history, then all without.
	HeadTokens    []uint32 // [rows]: index into the stream
	HeadRanges    []uint32 // [rows, 4]: Ranges of those tokens
	HeadPositions []uint32 // [rows]
	// HeadKeyRanges is, per token, the range of head rows that attend to it.
	HeadKeyRanges []uint32 // [tokens, 2]
	// Order lists head rows in the order of the loss: the R rows with history, then the R rows
	// without. Row r and row R+r predict the same token.
	Order   []uint32 // [rows]
	Targets []uint32 // [responses]

	// Sample and Index locate each response token: its sample, and its index in the response.
	Sample []int // [responses]
	Index  []int // [responses]

	Samples int
	Dual    bool
}

// Pack packs samples. dual adds the branch without history. base is the number of the first sample
// in Packed.Sample.
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
		// The shared prefix is causal in itself, and both branches attend to it.
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

// branch appends the tokens of one branch and returns its head rows.
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
		// The head rows that attend to this key are those at or after it in the branch.
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

// token appends one token with its position, query range, key range and head rows.
func (p *Packed) token(id int32, pos int, ranges [4]int, keys, heads [2]int) {
	p.IDs = append(p.IDs, uint32(id))
	p.Positions = append(p.Positions, uint32(pos))
	for _, v := range ranges {
		p.Ranges = append(p.Ranges, uint32(v))
	}
	p.KeyRanges = append(p.KeyRanges, uint32(keys[0]), uint32(keys[1]))
	p.HeadKeyRanges = append(p.HeadKeyRanges, uint32(heads[0]), uint32(heads[1]))
}

// Tokens is the number of packed tokens.
func (p *Packed) Tokens() int { return len(p.IDs) }

// Responses is the number of response tokens R.
func (p *Packed) Responses() int { return len(p.Targets) }

// Rows is the number of head rows: 2R with both branches, else R.
func (p *Packed) Rows() int { return len(p.HeadTokens) }

// Pairs counts the pairs of a query and a key that it attends to, over all tokens and over the head
// rows. They determine the cost of attention.
func (p *Packed) Pairs() (tokens, heads int64) {
	count := func(ranges []uint32) (n int64) {
		for i := 0; i < len(ranges); i += 4 {
			n += int64(ranges[i+1]-ranges[i]) + int64(ranges[i+3]-ranges[i+2])
		}
		return n
	}
	return count(p.Ranges), count(p.HeadRanges)
}
