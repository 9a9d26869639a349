package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// saved is what the backward pass of a layer needs from its forward pass. The u tensors are x·Aᵀ of
// the LoRA pairs, nil without one.
type saved struct {
	x, h1, rstd1         *gpu.Tensor // input of the layer, normalized input, 1/RMS
	xq, hq               *gpu.Tensor // x and h1 at the query rows
	rawQ, rawK           *gpu.Tensor // before the norm on each head
	rstdQ, rstdK         *gpu.Tensor // nil without a head norm; then rawQ is q
	q, k, v, attn, stats *gpu.Tensor // stats are the softmax statistics of attention
	mid, h2, rstd2       *gpu.Tensor // after attention, normalized, 1/RMS
	gate, up, act        *gpu.Tensor
	uq, uk, uv, uo       *gpu.Tensor
	uGate, uUp, uDown    *gpu.Tensor
	rows                 dim
	positions            *gpu.Tensor
	ranges, keyRanges    *gpu.Tensor
}

// layerForward records layer i on x [tokens, hidden] and returns the residual stream after it: all
// tokens, or only the query rows after the last layer.
func (p *pass) layerForward(i int, x *gpu.Tensor) (*gpu.Tensor, *saved) {
	l, c := &p.m.layers[i], p.m.Config
	s := &saved{
		x: x, rows: p.tokens, positions: p.in.positions, ranges: p.in.ranges, keyRanges: p.in.keyRanges,
	}
	s.h1, s.rstd1 = p.rmsNorm(l.norm1, p.tokens, x)
	kv := c.KVHeads * c.HeadDim
	s.rawK, s.v = p.temp("k", p.tokens, kv), p.temp("v", p.tokens, kv)
	s.uk = p.linear(l.k, p.tokens, s.h1, s.rawK)
	s.uv = p.linear(l.v, p.tokens, s.h1, s.v)
	s.k, s.rstdK = p.headNorm(l.kNorm, p.tokens, c.KVHeads, s.rawK)
	p.plan.Add(kernels.Rope(p.tokens.rows, c.KVHeads, c.HeadDim, false, p.in.positions, p.m.rope, s.k))
	keys, values := s.k, s.v
	if p.cache != nil {
		keys, values = p.cache.keys[i], p.cache.values[i]
		p.plan.Add(kernels.StoreRows(p.tokens.rows, kv, p.in.slots, s.k, keys))
		p.plan.Add(kernels.StoreRows(p.tokens.rows, kv, p.in.slots, s.v, values))
	}
	s.xq, s.hq = x, s.h1
	if i == len(p.m.layers)-1 && p.in.headTokens != nil {
		s.rows = p.queries
		s.positions, s.ranges, s.keyRanges = p.in.headPositions, p.in.headRanges, p.in.headKeyRanges
		s.xq, s.hq = p.gather(s.rows, p.in.headTokens, x), p.gather(s.rows, p.in.headTokens, s.h1)
	}
	width := c.Heads * c.HeadDim
	s.rawQ, s.attn = p.temp("q", s.rows, width), p.temp("attention", s.rows, width)
	s.stats = p.temp("attention.stats", s.rows, 2*c.Heads)
	s.uq = p.linear(l.q, s.rows, s.hq, s.rawQ)
	s.q, s.rstdQ = p.headNorm(l.qNorm, s.rows, c.Heads, s.rawQ)
	p.plan.Add(kernels.Rope(s.rows.rows, c.Heads, c.HeadDim, false, s.positions, p.m.rope, s.q))
	attention := p.attention(s.rows)
	attention.Small = p.cache != nil && p.tokens.capacity <= shortPrompt
	p.plan.Add(kernels.AttentionForward(p.m.tune, attention, s.q, keys, values, s.ranges, s.attn, s.stats))
	y := p.temp("o", s.rows, c.HiddenSize)
	s.uo = p.linear(l.o, s.rows, s.attn, y)
	s.mid = p.add(s.rows, s.xq, y)

	s.h2, s.rstd2 = p.rmsNorm(l.norm2, s.rows, s.mid)
	s.gate, s.up = p.temp("gate", s.rows, c.IntermediateSize), p.temp("up", s.rows, c.IntermediateSize)
	s.act = p.temp("act", s.rows, c.IntermediateSize)
	s.uGate = p.linear(l.gate, s.rows, s.h2, s.gate)
	s.uUp = p.linear(l.up, s.rows, s.h2, s.up)
	p.plan.Add(kernels.SwiGLU(s.rows.rows, c.IntermediateSize, s.gate, s.up, s.act))
	y = p.temp("down", s.rows, c.HiddenSize)
	s.uDown = p.linear(l.down, s.rows, s.act, y)
	return p.add(s.rows, s.mid, y), s
}

// shortPrompt is the largest number of tokens of a prompt that is computed with small blocks of
// attention. For the 30 layers of SmolLM2 on SwiftShader, they save 2 s of compiling and cost 2 s
// of run time at about this length.
const shortPrompt = 256

func (p *pass) attention(d dim) kernels.AttentionSpec {
	c := p.m.Config
	return kernels.AttentionSpec{Rows: d.rows, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim}
}

// layerBackward records the gradients of layer i. dy is the gradient of what layerForward returned;
// it is overwritten. The result is the gradient of the layer's input, or nil when wantInput is
// false and nothing needs it.
func (p *pass) layerBackward(i int, s *saved, dy *gpu.Tensor, wantInput bool) *gpu.Tensor {
	l, c := &p.m.layers[i], p.m.Config
	rows, sub := s.rows, s.rows != p.tokens

	dact := p.temp("dact", rows, c.IntermediateSize)
	p.linearGrad(l.down, rows, s.act, s.uDown, dy, dact, false)
	dgate, dup := p.temp("dgate", rows, c.IntermediateSize), p.temp("dup", rows, c.IntermediateSize)
	p.plan.Add(kernels.SwiGLUGrad(rows.rows, c.IntermediateSize, s.gate, s.up, dact, dgate, dup))
	dh2 := p.temp("dh2", rows, c.HiddenSize)
	p.linearGrads(l.gate, l.up, rows, s.h2, s.uGate, s.uUp, dgate, dup, dh2)
	// The residual connection passes dy on, and the norm adds to it: dy becomes the gradient of
	// mid.
	p.rmsNormGrad(l.norm2, rows, s.mid, s.rstd2, dh2, dy, true)

	width, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	dattn := p.temp("dattention", rows, width)
	p.linearGrad(l.o, rows, s.attn, s.uo, dy, dattn, false)
	p.plan.Add(kernels.AttentionDelta(p.attention(rows), s.attn, dattn, s.stats))
	dq, dk, dv := p.temp("dq", rows, width), p.temp("dk", p.tokens, kv), p.temp("dv", p.tokens, kv)
	p.plan.Add(kernels.AttentionQueryGrad(
		p.m.tune, p.attention(rows), s.q, s.k, s.v, s.ranges, s.stats, dattn, dq))
	keys := p.attention(p.tokens)
	keys.Queries = rows.rows
	p.plan.Add(kernels.AttentionKeyGrad(p.m.tune, keys, s.q, s.k, s.v, s.keyRanges, s.stats, dattn, dk, dv))
	p.plan.Add(kernels.Rope(rows.rows, c.Heads, c.HeadDim, true, s.positions, p.m.rope, dq))
	p.plan.Add(kernels.Rope(p.tokens.rows, c.KVHeads, c.HeadDim, true, p.in.positions, p.m.rope, dk))
	dq = p.headNormGrad(l.qNorm, rows, c.Heads, s.rawQ, s.rstdQ, dq)
	dk = p.headNormGrad(l.kNorm, p.tokens, c.KVHeads, s.rawK, s.rstdK, dk)

	if !wantInput && l.norm1.grad == nil {
		p.linearGrad(l.q, rows, s.hq, s.uq, dq, nil, false)
		p.linearGrad(l.k, p.tokens, s.h1, s.uk, dk, nil, false)
		p.linearGrad(l.v, p.tokens, s.h1, s.uv, dv, nil, false)
		return nil
	}
	dh1 := p.temp("dh1", p.tokens, c.HiddenSize)
	p.linearGrads(l.k, l.v, p.tokens, s.h1, s.uk, s.uv, dk, dv, dh1)
	if !sub {
		p.linearGrad(l.q, rows, s.hq, s.uq, dq, dh1, true)
		p.rmsNormGrad(l.norm1, p.tokens, s.x, s.rstd1, dh1, dy, true)
		return dy
	}
	dhq := p.temp("dhq", rows, c.HiddenSize)
	p.linearGrad(l.q, rows, s.hq, s.uq, dq, dhq, false)
	p.plan.Add(kernels.AddRows(rows.rows, c.HiddenSize, p.in.headTokens, dhq, dh1))
	dx := p.temp("dx", p.tokens, c.HiddenSize)
	p.rmsNormGrad(l.norm1, p.tokens, s.x, s.rstd1, dh1, dx, false)
	p.plan.Add(kernels.AddRows(rows.rows, c.HiddenSize, p.in.headTokens, dy, dx))
	return dx
}
