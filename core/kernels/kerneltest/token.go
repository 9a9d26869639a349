package kerneltest

import (
	"math"
	"slices"

	"nextquill/core/kernels"
)

// tokenForm reads the form of a case: "rows", "shared" and the largest sum of ranks "low".
func tokenForm(c *Case) kernels.TokenForm {
	return kernels.TokenForm{Rows: c.Size("rows"), Shared: c.Flag("shared"), Low: c.Spec.Sizes["low"]}
}

// present returns the sizes of these names that a case has.
func present(c *Case, names ...string) (out []int) {
	for _, name := range names {
		if c.Flag(name) {
			out = append(out, c.Size(name))
		}
	}
	return out
}

// lowRanks makes adapters of these ranks for layers of these widths, with a gap before each factor.
// The factors are A [rank, in] and B [out, rank]; a width of 0 leaves the factor out.
func lowRanks(c *Case, ranks []int, in int, outs []int) (lows []kernels.LowRank, params *CaseTensor) {
	size := 0
	room := func(n int) (at int) {
		at = size + 8
		size = at + n
		return at
	}
	for i, rank := range ranks {
		lows = append(lows, kernels.LowRank{Rank: rank, Scale: 1.5 + float32(i), A: room(rank * in), B: room(outs[i] * rank)})
	}
	return lows, c.Random("params", size+8)
}

// lowRef is scale·A·x.
func lowRef(l kernels.LowRank, params, x []float32) []float32 {
	u := make([]float32, l.Rank)
	for r := range u {
		u[r] = float32(float64(l.Scale) * dot64(x, params[l.A+r*len(x):], len(x)))
	}
	return u
}

// rowRef is row·W[col] + u·B[col].
func rowRef(w []float32, x []float32, l kernels.LowRank, params, u []float32, col int) float64 {
	return dot64(x, w[col*len(x):], len(x)) + dot64(u, params[l.B+col*l.Rank:], l.Rank)
}

// splitParts returns u as a number of parts that add up to it, one after another.
func splitParts(c *Case, u []float32, parts int) []float32 {
	out := make([]float32, parts*len(u))
	for i, v := range u {
		rest := v
		for p := 1; p < parts; p++ {
			out[p*len(u)+i] = float32(c.Rand().NormFloat64())
			rest -= out[p*len(u)+i]
		}
		out[i] = rest
	}
	return out
}

func tokenNormCase(c *Case) {
	f, features := tokenForm(c), c.Size("features")
	ranks := present(c, "rank0", "rank1", "rank2")
	lows, params := lowRanks(c, ranks, features, make([]int, len(ranks)))
	x, gain := c.Random("x", f.Rows*features), c.Random("gain", features)
	total := 0
	for _, r := range ranks {
		total += r
	}
	out := c.Garbage("out", f.Rows*(features+total))
	h, rstd := make([]float32, f.Rows*features), make([]float32, f.Rows)
	const eps = 1e-5
	RMSNormRef(features, eps, x.Host, gain.Host, h, rstd)
	var want []float32
	for r := range f.Rows {
		row := h[r*features:][:features]
		want = append(want, row...)
		for _, l := range lows {
			want = append(want, lowRef(l, params.Host, row)...)
		}
	}
	copy(out.Host, want)
	c.Record(kernels.TokenNorm(f, features, eps, lows, x.GPU, gain.GPU, params.GPU, out.GPU))
	c.Expect(out, linearTolerance)
}

// tokenInput makes x [rows, in + parts·Σ Rank] and the u of each row, over all adapters.
func tokenInput(c *Case, f kernels.TokenForm, in, parts int, lows []kernels.LowRank) (x *CaseTensor, rows, us [][]float32) {
	total := 0
	for _, l := range lows {
		total += l.Rank
	}
	var v []float32
	for range f.Rows {
		row, u := make([]float32, in), make([]float32, total)
		for _, part := range [][]float32{row, u} {
			for i := range part {
				part[i] = float32(c.Rand().NormFloat64())
			}
		}
		rows, us = append(rows, row), append(us, u)
		v = slices.Concat(v, row, splitParts(c, u, parts))
	}
	return c.Values("x", v), rows, us
}

func tokenLinearCase(c *Case) {
	s := kernels.TokenLinearSpec{
		TokenForm: tokenForm(c), In: c.Size("in"), Partials: max(1, c.Spec.Sizes["partials"]),
		Columns: present(c, "n0", "n1", "n2"), Format: c.format(), Add: c.Flag("add"),
	}
	ranks := []int{c.Spec.Sizes["rank0"], c.Spec.Sizes["rank1"], c.Spec.Sizes["rank2"]}
	lows, params := lowRanks(c, ranks[:len(s.Columns)], 0, s.Columns)
	s.Lows = lows
	total := 0
	for _, n := range s.Columns {
		s.Starts = append(s.Starts, total*s.Format.RowBytes(s.In))
		s.Biases = append(s.Biases, total)
		total += n
	}
	x, rows, us := tokenInput(c, s.TokenForm, s.In, s.Partials, s.Lows)
	w, weights := c.matrix("w", s.Format, total, s.In)
	stride := kernels.RowStride(total)
	y := c.RandomRows("y", s.Rows, total)
	bias := &CaseTensor{}
	if c.Flag("bias") {
		bias = c.Random("bias", total)
	}
	for r := range rows {
		at, used := 0, 0
		for i, n := range s.Columns {
			l := lows[i]
			for col := range n {
				sum := rowRef(weights[at*s.In:], rows[r], l, params.Host, us[r][used:], col)
				if bias.Host != nil {
					sum += float64(bias.Host[at+col])
				}
				put(y.Host, r*stride+at+col, sum, s.Add)
			}
			at, used = at+n, used+l.Rank
		}
	}
	c.Record(kernels.TokenLinear(s, x.GPU, w, y.GPU, params.GPU, bias.GPU))
	c.Expect(y, linearTolerance)
}

func tokenSwiGLUCase(c *Case) {
	s := kernels.TokenMLPSpec{
		TokenForm: tokenForm(c), In: c.Size("in"), Columns: c.Size("columns"), Format: c.format(),
	}
	ranks := []int{c.Spec.Sizes["rank0"], c.Spec.Sizes["rank1"], c.Spec.Sizes["down"]}
	n := s.Columns
	lows, params := lowRanks(c, ranks, n, []int{n, n, 0})
	s.Gate, s.Lift, s.Down = lows[0], lows[1], lows[2]
	s.Up = n * s.Format.RowBytes(s.In)
	x, rows, us := tokenInput(c, s.TokenForm, s.In, 1, lows[:2])
	w, weights := c.matrix("w", s.Format, 2*n, s.In)
	parts := s.Partials()
	y := c.Garbage("y", s.Rows*(n+parts*s.Down.Rank))
	width := 32 // columns of a workgroup
	if s.Shared {
		width = 4
	}
	for r := range rows {
		row := y.Host[r*(n+parts*s.Down.Rank):]
		for col := range n {
			g := rowRef(weights, rows[r], s.Gate, params.Host, us[r], col)
			u := rowRef(weights[n*s.In:], rows[r], s.Lift, params.Host, us[r][s.Gate.Rank:], col)
			row[col] = float32(g / (1 + math.Exp(-g)) * u)
		}
		for p := range parts {
			part := make([]float32, n)
			copy(part[p*width:], row[p*width:min(n, (p+1)*width)])
			copy(row[n+p*s.Down.Rank:], lowRef(s.Down, params.Host, part))
		}
	}
	c.Record(kernels.TokenSwiGLU(s, x.GPU, w, y.GPU, params.GPU))
	c.Expect(y, 2e-4)
}

func tokenAttentionCase(c *Case) {
	s := kernels.TokenAttentionSpec{
		TokenForm: tokenForm(c), Heads: c.Size("heads"), KVHeads: c.Size("kv"), HeadDim: c.Size("dim"),
		Lanes: c.Spec.Sizes["lanes"], Eps: 1e-5,
	}
	width, kv := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
	lows, params := lowRanks(c, []int{c.Spec.Sizes["rank"]}, width, []int{0})
	s.Output = lows[0]
	const limit = 64
	frequencies := make([]float64, s.HeadDim/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(10000, -2*float64(i)/float64(s.HeadDim))
	}
	table := c.Values("table", kernels.RopeTable(frequencies, limit))
	prefix, own := c.Size("prefix"), c.Size("own")
	slots := prefix + s.Rows*(own+3)
	words, ranges := make([]uint32, kernels.TokenWords), []uint32(nil)
	used := make([]bool, slots)
	for r := range s.Rows {
		first := prefix + r*(own+3)
		ranges = append(ranges, 0, uint32(prefix), uint32(first), uint32(first+own))
		words[kernels.TokenPosition+r] = uint32(c.Rand().IntN(limit))
		words[kernels.TokenSlot+r] = uint32(first + own - 1)
		for j := range slots {
			used[j] = used[j] || j < prefix || j >= first && j < first+own-1
		}
	}
	copy(words, ranges)
	cache := func(name string) *CaseTensor {
		x := make([]float32, slots*kv)
		for i := range x {
			x[i] = float32(c.Rand().NormFloat64())
			if !used[i/kv] {
				x[i] = 1e30 // a slot that no query may read
			}
		}
		return c.Values(name, x)
	}
	keys, values := cache("keys"), cache("values")
	qkv := c.Random("qkv", s.Rows*(width+2*kv))
	gains := &CaseTensor{}
	if c.Flag("norm") {
		s.KeyGain = s.HeadDim + 4
		gains = c.Random("gains", s.KeyGain+s.HeadDim)
	}
	q := make([]float32, 0, s.Rows*width)
	for r := range s.Rows {
		row := slices.Clone(qkv.Host[r*(width+2*kv):][:width+2*kv])
		if gains.Host != nil {
			for h := range s.Heads + s.KVHeads {
				head, gain := row[h*s.HeadDim:][:s.HeadDim], gains.Host
				if h >= s.Heads {
					gain = gain[s.KeyGain:]
				}
				RMSNormRef(s.HeadDim, s.Eps, head, gain, head, make([]float32, 1))
			}
		}
		RopeRef(s.Heads+s.KVHeads, s.HeadDim, false, words[kernels.TokenPosition+r:][:1], table.Host, row)
		q = append(q, row[:width]...)
		slot := int(words[kernels.TokenSlot+r])
		copy(keys.Host[slot*kv:], row[width:][:kv])
		copy(values.Host[slot*kv:], row[width+kv:])
	}
	attended, stats := make([]float32, s.Rows*width), make([]float32, 2*s.Rows*s.Heads)
	spec := kernels.AttentionSpec{Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim}
	AttentionRef(spec, q, keys.Host, values.Host, ranges, attended, stats)
	parts := s.Partials()
	out := c.Garbage("out", s.Rows*(width+parts*s.Output.Rank))
	for r := range s.Rows {
		row := out.Host[r*(width+parts*s.Output.Rank):]
		copy(row, attended[r*width:][:width])
		for p := range parts {
			part, size := make([]float32, width), width/parts
			copy(part[p*size:], row[p*size:(p+1)*size])
			copy(row[width+p*s.Output.Rank:], lowRef(s.Output, params.Host, part))
		}
	}
	if s.Low == 0 {
		params.GPU = nil
	}
	c.Record(kernels.TokenAttention(s, qkv.GPU, c.Words("words", words), table.GPU, keys.GPU, values.GPU, out.GPU,
		gains.GPU, params.GPU))
	for _, t := range []*CaseTensor{keys, values, out} {
		c.Expect(t, 5e-5)
	}
}
