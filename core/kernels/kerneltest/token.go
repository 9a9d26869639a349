package kerneltest

import (
	"math"
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// tokenForm reads the form of a case: "rows" and "shared".
func tokenForm(c *Case) kernels.TokenForm {
	return kernels.TokenForm{Rows: c.Size("rows"), Shared: c.Flag("shared")}
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
		a := room(rank * in)
		lows = append(lows, kernels.LowRank{Rank: rank, Scale: 1.5 + float32(i), A: a, B: room(outs[i] * rank)})
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

// whole returns v, or nil if it holds nothing.
func whole(v *CaseTensor, used bool) *gpu.Tensor {
	if used {
		return v.GPU
	}
	return nil
}

func tokenNormCase(c *Case) {
	s := kernels.TokenNormSpec{TokenForm: tokenForm(c), Features: c.Size("features"), Eps: 1e-5}
	n, n2 := s.Features, c.Spec.Sizes["second"]
	ranks := present(c, "rank0", "rank1", "rank2")
	lows, params := lowRanks(c, append(ranks, n2), n, append(make([]int, len(ranks)), n))
	s.Lows, s.Second = lows[:len(ranks)], lows[len(ranks)]
	x, gain, v := c.Random("x", s.Rows*n), c.Random("gain", n), c.Random("v", s.Rows*n2+1)
	total := 0
	for _, r := range ranks {
		total += r
	}
	out, complete := c.Garbage("out", s.Rows*(n+total)), c.Garbage("complete", s.Rows*n)
	for r := range s.Rows {
		for i := range n {
			second := dot64(v.Host[r*n2:], params.Host[s.Second.B+i*n2:], n2)
			complete.Host[r*n+i] = float32(float64(x.Host[r*n+i]) + second)
		}
	}
	h, rstd := make([]float32, s.Rows*n), make([]float32, s.Rows)
	RMSNormRef(n, s.Eps, complete.Host, gain.Host, h, rstd)
	want := out.Host[:0]
	for r := range s.Rows {
		row := h[r*n:][:n]
		want = append(want, row...)
		for _, l := range s.Lows {
			want = append(want, lowRef(l, params.Host, row)...)
		}
	}
	c.Record(kernels.TokenNorm(s, x.GPU, gain.GPU, out.GPU, params.GPU, whole(v, n2 > 0), whole(complete, n2 > 0)))
	c.Expect(out, linearTolerance)
	if n2 > 0 {
		c.Expect(complete, linearTolerance)
	}
}

// tokenInput makes x [rows, in + Σ Rank], the features and the u of each row, over all adapters.
func tokenInput(c *Case, f kernels.TokenForm, in int, lows []kernels.LowRank) (x *CaseTensor, rows, us [][]float32) {
	stride := in
	for _, l := range lows {
		stride += l.Rank
	}
	x = c.Random("x", f.Rows*stride)
	for r := range f.Rows {
		row := x.Host[r*stride:][:stride]
		rows, us = append(rows, row[:in]), append(us, row[in:])
	}
	return x, rows, us
}

func tokenLinearCase(c *Case) {
	s := kernels.TokenLinearSpec{
		TokenForm: tokenForm(c), In: c.Size("in"), Columns: present(c, "n0", "n1", "n2"), Format: c.format(),
		Add: c.Flag("add"),
	}
	ranks := []int{c.Spec.Sizes["rank0"], c.Spec.Sizes["rank1"], c.Spec.Sizes["rank2"]}
	n := len(s.Columns)
	lows, params := lowRanks(c, append(ranks[:n:n], c.Spec.Sizes["first"]), s.In, append(s.Columns[:n:n], 0))
	s.Lows, s.First = lows[:n], lows[n]
	total := 0
	for _, n := range s.Columns {
		s.Starts = append(s.Starts, total*s.Format.RowBytes(s.In))
		s.Biases = append(s.Biases, total)
		total += n
	}
	x, rows, us := tokenInput(c, s.TokenForm, s.In, s.Lows)
	w, weights := c.matrix("w", s.Format, total, s.In)
	stride := kernels.RowStride(total)
	y, v := c.RandomRows("y", s.Rows, total), c.Garbage("v", s.Rows*s.First.Rank+1)
	bias := &CaseTensor{}
	if c.Flag("bias") {
		bias = c.Random("bias", total)
	}
	for r := range rows {
		at, used := 0, 0
		for i, n := range s.Columns {
			for col := range n {
				sum := rowRef(weights[at*s.In:], rows[r], lows[i], params.Host, us[r][used:], col)
				if bias.Host != nil {
					sum += float64(bias.Host[at+col])
				}
				put(y.Host, r*stride+at+col, sum, s.Add)
			}
			at, used = at+n, used+lows[i].Rank
		}
		copy(v.Host[r*s.First.Rank:], lowRef(s.First, params.Host, rows[r]))
	}
	c.Record(kernels.TokenLinear(s, x.GPU, w, y.GPU, bias.GPU, params.GPU, whole(v, s.First.Rank > 0)))
	c.Expect(y, linearTolerance)
	if s.First.Rank > 0 {
		v.Host = v.Host[:len(v.Host)-1]
		c.Expect(v, linearTolerance)
	}
}

func tokenSwiGLUCase(c *Case) {
	n := c.Size("columns")
	s := kernels.TokenLinearSpec{
		TokenForm: tokenForm(c), In: c.Size("in"), Columns: []int{n, n}, Format: c.format(), Gated: true,
	}
	lows, params := lowRanks(c, []int{c.Spec.Sizes["rank0"], c.Spec.Sizes["rank1"]}, 0, s.Columns)
	s.Lows, s.Starts = lows, []int{0, n * s.Format.RowBytes(s.In)}
	x, rows, us := tokenInput(c, s.TokenForm, s.In, lows)
	w, weights := c.matrix("w", s.Format, 2*n, s.In)
	y := c.Garbage("y", s.Rows*n)
	for r := range rows {
		for col := range n {
			g := rowRef(weights, rows[r], lows[0], params.Host, us[r], col)
			u := rowRef(weights[n*s.In:], rows[r], lows[1], params.Host, us[r][lows[0].Rank:], col)
			y.Host[r*n+col] = float32(g / (1 + math.Exp(-g)) * u)
		}
	}
	c.Record(kernels.TokenLinear(s, x.GPU, w, y.GPU, nil, params.GPU, nil))
	c.Expect(y, 2e-4)
}

func tokenAttentionCase(c *Case) {
	s := kernels.TokenAttentionSpec{
		TokenForm: tokenForm(c), Heads: c.Size("heads"), KVHeads: c.Size("kv"), HeadDim: c.Size("dim"),
		Lanes: c.Spec.Sizes["lanes"], Eps: 1e-5,
	}
	width, kv := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
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
	out, stats := c.Garbage("out", s.Rows*width), make([]float32, 2*s.Rows*s.Heads)
	spec := kernels.AttentionSpec{Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim}
	AttentionRef(spec, q, keys.Host, values.Host, ranges, out.Host, stats)
	c.Record(kernels.TokenAttention(s, qkv.GPU, c.Words("words", words), table.GPU, keys.GPU, values.GPU, out.GPU,
		gains.GPU))
	for _, t := range []*CaseTensor{keys, values, out} {
		c.Expect(t, 5e-5)
	}
}
