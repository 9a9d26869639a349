package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// tokenPass records the layers for one decoded token. A layer takes seven dispatches: norm, q with
// k and v, attention, o with the residual connection, norm, gate with up, down with the residual
// connection. Each needs all values of the one before, and only a new dispatch waits for all
// workgroups. An adapter takes none in addition: each half of it is computed by a dispatch that
// reads the same values.
type tokenPass struct {
	*pass
	form   kernels.TokenForm
	words  *gpu.Tensor // see kernels.TokenAttention
	params *gpu.Tensor // factors of the adapter; nil without one, or if the kernels cannot use it
}

// stream is the residual stream x [rows, hidden], to which B·v of an adapter is still to be added.
// v is nil if the stream is complete.
type stream struct {
	x, v *gpu.Tensor
	low  kernels.LowRank
}

// recordToken records the plan of one token: both branches get the same token, each at its own
// position.
func (d *Decoder) recordToken() error {
	m, branches := d.m, d.branches()
	d.words = d.tensor("words", kernels.TokenWords)
	d.tokenIn = &inputs{
		g: m.g, ranges: d.words.Slice(0, int64(16*branches)),
		positions: d.words.Slice(4*kernels.TokenPosition, int64(4*branches)),
		slots:     d.words.Slice(4*kernels.TokenSlot, int64(4*branches)),
	}
	d.token = m.g.NewPlan("token")
	rows := dim{kernels.FixedRows(branches), branches}
	p := &tokenPass{
		pass:  &pass{m: m, plan: d.token, in: d.tokenIn, cache: d.cache, tokens: rows, queries: rows},
		form:  d.form(),
		words: d.words,
	}
	p.useAdapter()
	x := p.temp("embedded", dim{capacity: 1}, m.Config.HiddenSize)
	p.embedding(m.embed, kernels.FixedRows(1), d.next, x)
	if branches > 1 {
		x = p.gather(rows, d.tokenIn.tensor("same", branches), x)
	}
	all := stream{x: x}
	for i := range m.layers {
		p.layer(i, &all)
	}
	hs := p.norm(m.norm, nil, &all)
	d.recordHead(p.pass, hs)
	d.recordSample(p.pass, hs)
	return d.token.Compile()
}

// form is that of a token in each branch.
func (d *Decoder) form() kernels.TokenForm {
	return kernels.TokenForm{Rows: d.branches(), Shared: d.m.tune.Linear.Tiled}
}

// recordHead records the logits of the hidden states hs, one in each branch. Prompts and tokens use
// the same kernel: it is the fastest for few rows, and is compiled once.
func (d *Decoder) recordHead(p *pass, hs *gpu.Tensor) {
	head := d.m.head
	for _, part := range head.parts {
		p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
			TokenForm: d.form(), In: d.m.Config.HiddenSize, Columns: []int{part.rows}, Stride: d.stride(),
			Format: head.format,
		}, hs, part.t, d.logits.Slice(int64(4*part.first), d.logits.Bytes-int64(4*part.first)), nil, nil, nil))
	}
}

// useAdapter sets the factors of the active adapter.
func (p *tokenPass) useAdapter() {
	a := p.m.adapter
	if a == nil || len(a.params.Segments) != 1 {
		return
	}
	for _, pair := range a.pairs {
		if pair.rank > kernels.MaxTokenRank {
			return
		}
	}
	p.params = a.params.Segments[0].ValueT
}

// lowRanks are the adapters of layers that have the same input, and the sum of their ranks.
func lowRanks(group ...*linear) (lows []kernels.LowRank, ranks int) {
	for _, l := range group {
		var low kernels.LowRank
		if l.lora != nil {
			_, a := l.lora.a.Handle()
			_, b := l.lora.b.Handle()
			low = kernels.LowRank{Rank: l.lora.rank, Scale: l.lora.scale, A: int(a / 4), B: int(b / 4)}
		}
		lows, ranks = append(lows, low), ranks+low.Rank
	}
	return lows, ranks
}

// joined is a layer whose tensors can be read together.
type joined struct {
	qkv, mlp     *gpu.Tensor
	starts, up   []int       // of the matrices in qkv and mlp, in bytes
	bias, gains  *gpu.Tensor // of q, k and v, and of the norms on each head; nil without
	biases, gain []int       // their starts, in values
}

// join returns what the kernels of a token need of a layer. ok is false if they do not apply: the
// layer's matrices are split into parts, have different formats, or did not fit into one buffer; or
// the adapter is in several buffers, or has too large ranks.
func (p *tokenPass) join(l *layer) (j joined, ok bool) {
	limit := p.m.g.Info().LargestTensor()
	for _, x := range l.linears() {
		if len(x.w.parts) > 1 || x.lora != nil && p.params == nil {
			return j, false
		}
	}
	together := func(group ...*linear) (whole *gpu.Tensor, starts []int) {
		var tensors []*gpu.Tensor
		for _, x := range group {
			if x.w.format != group[0].w.format {
				return nil, nil
			}
			tensors = append(tensors, x.w.parts[0].t)
		}
		return span(limit, tensors...)
	}
	j.qkv, j.starts = together(l.q, l.k, l.v)
	j.mlp, j.up = together(l.gate, l.up)
	ok = j.qkv != nil && j.mlp != nil
	if l.q.bias != nil {
		j.bias, j.biases = span(limit, l.q.bias, l.k.bias, l.v.bias)
		ok = ok && j.bias != nil
	}
	if l.qNorm != nil {
		j.gains, j.gain = span(limit, l.qNorm.w, l.kNorm.w)
		ok = ok && j.gains != nil
	}
	for _, starts := range [][]int{j.biases, j.gain} {
		for i := range starts {
			starts[i] /= 4
		}
	}
	return j, ok
}

// layer records layer i.
func (p *tokenPass) layer(i int, s *stream) {
	l, c := &p.m.layers[i], p.m.Config
	j, ok := p.join(l)
	if !ok {
		if s.v != nil {
			p.norm(l.norm1, nil, s) // completes the stream
		}
		s.x, _ = p.layerForward(i, s.x)
		return
	}
	lows, _ := lowRanks(l.q, l.k, l.v)
	h := p.norm(l.norm1, lows, s)
	width, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	qkv := p.temp("qkv", p.tokens, width+2*kv)
	p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
		TokenForm: p.form, In: c.HiddenSize, Columns: []int{width, kv, kv}, Starts: j.starts, Biases: j.biases,
		Lows: lows, Format: l.q.w.format,
	}, h, j.qkv, qkv, j.bias, p.params, nil))

	attention := kernels.TokenAttentionSpec{
		TokenForm: p.form, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		Lanes: p.m.tune.Attention.DecodeLanes, Eps: float32(c.RMSNormEps),
	}
	if j.gains != nil {
		attention.KeyGain = j.gain[1]
	}
	attended := p.temp("attention", p.tokens, width)
	p.plan.Add(kernels.TokenAttention(attention, qkv, p.words, p.m.rope, p.cache.keys[i], p.cache.values[i], attended,
		j.gains))
	p.project(l.o, attended, s)

	lows, _ = lowRanks(l.gate, l.up)
	h = p.norm(l.norm2, lows, s)
	act := p.temp("act", p.tokens, c.IntermediateSize)
	p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
		TokenForm: p.form, In: c.HiddenSize, Columns: []int{c.IntermediateSize, c.IntermediateSize}, Starts: j.up,
		Lows: lows, Format: l.gate.w.format, Gated: true,
	}, h, j.mlp, act, nil, p.params, nil))
	p.project(l.down, act, s)
}

// norm records h = norm(x) and the first half of the adapters of layers that read h. It completes
// the stream.
func (p *tokenPass) norm(n gain, lows []kernels.LowRank, s *stream) *gpu.Tensor {
	features, total := p.m.Config.HiddenSize, 0
	for _, l := range lows {
		total += l.Rank
	}
	h := p.temp("norm", p.tokens, features+total)
	var complete *gpu.Tensor
	if s.v != nil {
		complete = p.temp("residual", p.tokens, features)
	}
	p.plan.Add(kernels.TokenNorm(kernels.TokenNormSpec{
		TokenForm: p.form, Features: features, Eps: float32(p.m.Config.RMSNormEps), Lows: lows, Second: s.low,
	}, s.x, n.w, h, p.params, s.v, complete))
	if complete != nil {
		*s = stream{x: complete}
	}
	return h
}

// project records x += l(y), for an adapter of l only the first half.
func (p *tokenPass) project(l *linear, y *gpu.Tensor, s *stream) {
	lows, rank := lowRanks(l)
	if rank > 0 {
		s.v, s.low = p.temp("low", p.tokens, rank), lows[0]
	}
	p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
		TokenForm: p.form, In: l.in, Columns: []int{l.out}, First: lows[0], Format: l.w.format, Add: true,
	}, y, l.w.parts[0].t, s.x, l.bias, p.params, s.v))
}
