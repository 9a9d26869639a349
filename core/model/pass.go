package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// pass records forward and backward passes into a plan.
type pass struct {
	m    *Model
	plan *gpu.Plan
	// tokens are the rows of the packed stream, queries the rows that need logits. For the other
	// rows the last layer computes only keys and values: no later layer reads anything else.
	tokens, queries dim
	in              *inputs
	cache           *kvCache // nil in training: attention reads the stream's own keys and values
}

// dim is a number of rows: the count it follows at run time, and its largest value.
type dim struct {
	rows     kernels.Rows
	capacity int
}

// times is n rows for each row of d.
func (d dim) times(n int) dim { return dim{d.rows.Times(n), d.capacity * n} }

// rowForm is how kernels that reduce over a row distribute their work on this device.
func (p *pass) rowForm() kernels.RowForm { return kernels.RowFormFor(p.m.g.Info()) }

func (p *pass) temp(name string, d dim, features int) *gpu.Tensor {
	return p.plan.Temp(name, int64(4*d.capacity*features))
}

// linear records y = x·Wᵀ + b including the layer's adapter. With an adapter it returns u = x·Aᵀ,
// which the gradient of B needs.
func (p *pass) linear(l *linear, d dim, x, y *gpu.Tensor) (u *gpu.Tensor) {
	u = p.product(l, d, x, y)
	if l.bias != nil {
		p.plan.Add(kernels.AddBias(d.rows, l.out, l.bias, y))
	}
	return u
}

// product is linear without the bias.
func (p *pass) product(l *linear, d dim, x, y *gpu.Tensor) (u *gpu.Tensor) {
	spec := kernels.LinearSpec{Rows: d.rows}
	if l.lora == nil {
		p.forward(l.w, spec, x, y, nil, nil)
		return nil
	}
	u = p.temp(l.path+".u", d, l.lora.rank)
	low := kernels.LinearSpec{Rows: d.rows, In: l.in, Out: l.lora.rank}
	p.plan.Add(kernels.LinearForward(p.m.tune, low, x, l.lora.a, u, nil, nil))
	spec.Rank, spec.Scale = l.lora.rank, l.lora.scale
	p.forward(l.w, spec, x, y, u, l.lora.b)
	return u
}

// linearGrad records the gradients of y = linear(x) given dy. Those of the layer's parameters add
// to their buffers. That of x goes to dx, or adds to it with accumulate; dx may be nil.
func (p *pass) linearGrad(l *linear, d dim, x, u, dy, dx *gpu.Tensor, accumulate bool) {
	spec := kernels.LinearSpec{Rows: d.rows, Accumulate: accumulate}
	var v, a *gpu.Tensor
	if lora := l.lora; lora != nil {
		v, a = p.temp(l.path+".v", d, lora.rank), lora.a
		spec.Rank, spec.Scale = lora.rank, lora.scale
		back := kernels.LinearSpec{Rows: d.rows, In: lora.rank, Out: l.out}
		p.plan.Add(kernels.LinearInputGrad(p.m.tune, back, dy, lora.b, v, nil, nil))
		p.weightGrad(d, l.in, lora.rank, lora.scale, v, x, lora.da)
		p.weightGrad(d, lora.rank, l.out, lora.scale, dy, u, lora.db)
	}
	if l.grad != nil {
		p.weightGrad(d, l.in, l.out, 1, dy, x, l.grad)
	}
	if l.biasGrad != nil {
		p.plan.Add(kernels.ColumnSums(d.rows, l.out, dy, l.biasGrad))
	}
	if dx != nil {
		p.inputGrad(l.w, spec, dy, dx, v, a)
	}
}

// weightGrad records grad += scale·dyᵀ·x, grad [out, in].
func (p *pass) weightGrad(d dim, in, out int, scale float32, dy, x, grad *gpu.Tensor) {
	spec := kernels.LinearSpec{Rows: d.rows, In: in, Out: out, Accumulate: true, Scale: scale}
	p.plan.Add(kernels.LinearWeightGrad(p.m.tune, spec, dy, x, grad))
}

// linearGrads is linearGrad for two layers with the same input x; dx gets the sum of both
// gradients. For F32 layers without adapters it is one product, with the second layer in place of
// the low-rank term, so that dx is written once.
func (p *pass) linearGrads(a, b *linear, d dim, x, ua, ub, da, db, dx *gpu.Tensor) {
	if a.lora != nil || b.lora != nil || b.w.format != kernels.F32 || len(b.w.parts) > 1 || b.out%4 != 0 {
		p.linearGrad(a, d, x, ua, da, dx, false)
		p.linearGrad(b, d, x, ub, db, dx, true)
		return
	}
	p.linearGrad(a, d, x, ua, da, nil, false)
	p.linearGrad(b, d, x, ub, db, nil, false)
	p.inputGrad(a.w, kernels.LinearSpec{Rows: d.rows, Rank: b.out, Scale: 1}, da, dx, db, b.w.parts[0].t)
}

// rmsNorm records y = norm(x) and returns y and 1/RMS of each row.
func (p *pass) rmsNorm(n gain, d dim, x *gpu.Tensor) (y, rstd *gpu.Tensor) {
	features := p.m.Config.HiddenSize
	y, rstd = p.temp("norm", d, features), p.temp("rstd", d, 1)
	p.plan.Add(kernels.RMSNorm(d.rows, features, float32(p.m.Config.RMSNormEps), x, n.w, y, rstd, p.rowForm()))
	return y, rstd
}

// rmsNormGrad records the gradients of y = norm(x) given dy; dx may be nil.
func (p *pass) rmsNormGrad(n gain, d dim, x, rstd, dy, dx *gpu.Tensor, accumulate bool) {
	features := p.m.Config.HiddenSize
	if n.grad != nil {
		p.plan.Add(kernels.RMSNormGainGrad(d.rows, features, x, rstd, dy, n.grad))
	}
	if dx != nil {
		p.plan.Add(kernels.RMSNormGrad(d.rows, features, accumulate, x, n.w, rstd, dy, dx, p.rowForm()))
	}
}

// headNorm records the norm on each head of x [d, heads × head dim]. Without such a norm it returns
// x.
func (p *pass) headNorm(n *gain, d dim, heads int, x *gpu.Tensor) (y, rstd *gpu.Tensor) {
	if n == nil {
		return x, nil
	}
	c, d := p.m.Config, d.times(heads)
	y, rstd = p.temp("head norm", d, c.HeadDim), p.temp("head rstd", d, 1)
	p.plan.Add(kernels.RMSNorm(d.rows, c.HeadDim, float32(c.RMSNormEps), x, n.w, y, rstd, p.rowForm()))
	return y, rstd
}

// headNormGrad records the gradients of y = headNorm(x) given dy and returns that of x.
func (p *pass) headNormGrad(n *gain, d dim, heads int, x, rstd, dy *gpu.Tensor) *gpu.Tensor {
	if n == nil {
		return dy
	}
	width, all := p.m.Config.HeadDim, d.times(heads)
	if n.grad != nil {
		partial := p.temp("head gains", dim{capacity: heads}, width)
		p.plan.Add(kernels.RMSNormHeadGainGrad(d.rows, heads, width, x, rstd, dy, partial))
		p.plan.Add(kernels.ColumnSums(kernels.FixedRows(heads), width, partial, n.grad))
	}
	dx := p.temp("dhead", all, width)
	p.plan.Add(kernels.RMSNormGrad(all.rows, width, false, x, n.w, rstd, dy, dx, p.rowForm()))
	return dx
}

func (p *pass) add(d dim, x, y *gpu.Tensor) *gpu.Tensor {
	z := p.temp("residual", d, p.m.Config.HiddenSize)
	p.plan.Add(kernels.Add(d.rows, p.m.Config.HiddenSize, x, y, z))
	return z
}

func (p *pass) gather(d dim, index, x *gpu.Tensor) *gpu.Tensor {
	y := p.temp("gathered", d, p.m.Config.HiddenSize)
	p.plan.Add(kernels.GatherRows(d.rows, p.m.Config.HiddenSize, index, x, y))
	return y
}
