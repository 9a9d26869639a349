package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// tokenPass records the layers for one decoded token. A layer takes seven dispatches: the norm with
// A·x of the adapters, q with k and v, attention, o with the residual connection, and the norm,
// gate with up, and down with the residual connection of the MLP. Each reads what the one before
// wrote for all rows, so fewer would need another way to wait for all workgroups.
type tokenPass struct {
	*pass
	form   kernels.TokenForm
	words  *gpu.Tensor // see kernels.TokenAttention
	params *gpu.Tensor // factors of the adapter; nil without one, or if they are in several tensors
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
		form:  kernels.TokenForm{Rows: branches, Shared: m.tune.Linear.Tiled},
		words: d.words,
	}
	p.useAdapter()
	x := p.temp("embedded", dim{capacity: 1}, m.Config.HiddenSize)
	p.embedding(m.embed, kernels.FixedRows(1), d.next, x)
	if branches > 1 {
		x = p.gather(rows, d.tokenIn.tensor("same", branches), x)
	}
	for i := range m.layers {
		x = p.layer(i, x)
	}
	hs := p.norm(m.norm, nil, x)
	for _, part := range m.head.parts {
		p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
			TokenForm: p.form, In: m.Config.HiddenSize, Columns: []int{part.rows}, Stride: d.stride(),
			Format: m.head.format,
		}, hs, part.t, d.logits.Slice(int64(4*part.first), d.logits.Bytes-int64(4*part.first)), p.params, nil))
	}
	d.recordSample(p.pass, hs)
	return d.token.Compile()
}

// useAdapter sets the form for the active adapter.
func (p *tokenPass) useAdapter() {
	a := p.m.adapter
	if a == nil || len(a.params.Segments) != 1 {
		return
	}
	low := 0
	for i := range p.m.layers {
		l := &p.m.layers[i]
		for _, group := range [][]*linear{{l.q, l.k, l.v}, {l.o}, {l.gate, l.up}, {l.down}} {
			_, ranks := lowRanks(group)
			low = max(low, ranks)
		}
	}
	if low > 0 && low <= kernels.MaxTokenLow {
		p.form.Low, p.params = low, a.params.Segments[0].ValueT
	}
}

// lowRanks are the adapters of layers that have the same input, and the sum of their ranks.
func lowRanks(group []*linear) (lows []kernels.LowRank, ranks int) {
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
	limit := bindingLimit(p.m.g.Info())
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

// layer records layer i on x [rows, hidden] and returns the residual stream after it.
func (p *tokenPass) layer(i int, x *gpu.Tensor) *gpu.Tensor {
	l, c := &p.m.layers[i], p.m.Config
	j, ok := p.join(l)
	if !ok {
		x, _ = p.layerForward(i, x)
		return x
	}
	lows, _ := lowRanks([]*linear{l.q, l.k, l.v})
	h := p.norm(l.norm1, lows, x)
	width, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	qkv := p.values("qkv", width+2*kv)
	p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
		TokenForm: p.form, In: c.HiddenSize, Columns: []int{width, kv, kv}, Starts: j.starts, Biases: j.biases, Lows: lows,
		Partials: 1, Format: l.q.w.format,
	}, h, j.qkv, qkv, p.params, j.bias))

	lows, rank := lowRanks([]*linear{l.o})
	attention := kernels.TokenAttentionSpec{
		TokenForm: p.form, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Lanes: p.m.tune.Attention.DecodeLanes,
		Eps: float32(c.RMSNormEps), Output: lows[0],
	}
	if j.gains != nil {
		attention.KeyGain = j.gain[1]
	}
	parts := attention.Partials()
	attended := p.values("attention", width+parts*rank)
	p.plan.Add(kernels.TokenAttention(attention, qkv, p.words, p.m.rope, p.cache.keys[i], p.cache.values[i], attended,
		j.gains, p.params))
	p.project(l.o, parts, attended, x)

	lows, _ = lowRanks([]*linear{l.gate, l.up})
	h = p.norm(l.norm2, lows, x)
	down, rank := lowRanks([]*linear{l.down})
	mlp := kernels.TokenMLPSpec{
		TokenForm: p.form, In: c.HiddenSize, Columns: c.IntermediateSize, Up: j.up[1],
		Gate: lows[0], Lift: lows[1], Down: down[0], Format: l.gate.w.format,
	}
	parts = mlp.Partials()
	act := p.values("act", c.IntermediateSize+parts*rank)
	p.plan.Add(kernels.TokenSwiGLU(mlp, h, j.mlp, act, p.params))
	p.project(l.down, parts, act, x)
	return x
}

// values is a temporary [rows, features].
func (p *tokenPass) values(name string, features int) *gpu.Tensor {
	return p.temp(name, p.tokens, features)
}

// norm records h = norm(x), followed by A·h of the adapters.
func (p *tokenPass) norm(n gain, lows []kernels.LowRank, x *gpu.Tensor) *gpu.Tensor {
	features, total := p.m.Config.HiddenSize, 0
	for _, l := range lows {
		total += l.Rank
	}
	h := p.values("norm", features+total)
	p.plan.Add(kernels.TokenNorm(p.form, features, float32(p.m.Config.RMSNormEps), lows, x, n.w, p.params, h))
	return h
}

// project records x += l(y), where y ends with parts of A·y.
func (p *tokenPass) project(l *linear, parts int, y, x *gpu.Tensor) {
	lows, _ := lowRanks([]*linear{l})
	p.plan.Add(kernels.TokenLinear(kernels.TokenLinearSpec{
		TokenForm: p.form, In: l.in, Partials: parts, Columns: []int{l.out}, Lows: lows, Format: l.w.format, Add: true,
	}, y, l.w.parts[0].t, x, p.params, l.bias))
}
