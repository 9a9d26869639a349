package model

import (
	"context"

	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// Encoder is a compiled forward pass that ends at the final norm: it gives the hidden states at the
// head rows of a micro-batch, without logits.
type Encoder struct {
	m      *Model
	plan   *gpu.Plan
	in     *inputs
	hidden *gpu.Tensor
	rstd   *gpu.Tensor
	bufs   []gpu.Buffer
}

// NewEncoder compiles a pass for micro-batches of one branch of at most this many tokens, with as
// many head rows, for the adapter that is active now.
func (m *Model) NewEncoder(tokens int) (*Encoder, error) {
	e := &Encoder{m: m, plan: m.g.NewPlan("encoder"), in: newInputs(m.g, tokens, tokens, false)}
	e.hidden = e.tensor("hidden states", tokens*kernels.RowStride(m.Config.HiddenSize))
	e.rstd = e.tensor("rstd", tokens)
	p := &pass{
		m: m, plan: e.plan, in: e.in,
		tokens: dim{kernels.PerToken, tokens}, queries: dim{kernels.PerHeadRow, tokens},
	}
	features := m.Config.HiddenSize
	x := p.temp("embedded", p.tokens, features)
	p.embedding(m.embed, p.tokens.rows, p.in.ids, x)
	for i := range m.layers {
		x, _ = p.layerForward(i, x)
	}
	x = p.gather(p.queries, p.in.order, x)
	p.plan.Add(kernels.RMSNorm(p.queries.rows, features, float32(m.Config.RMSNormEps), x, m.norm.w, e.hidden, e.rstd,
		p.rowForm()))
	if err := e.plan.Compile(); err != nil {
		e.Free()
		return nil, err
	}
	return e, nil
}

func (e *Encoder) tensor(name string, words int) *gpu.Tensor {
	b := e.m.g.NewBuffer(name, int64(4*words), gpu.Storage)
	e.bufs = append(e.bufs, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

// Run returns the hidden states of a micro-batch, [head rows, hidden size], in the order of
// causal.Packed.Order. progress is that of gpu.Plan.Run.
func (e *Encoder) Run(ctx context.Context, p *causal.Packed, progress func(share float64)) ([]float32, error) {
	var dyn kernels.Dyn
	setCounts(&dyn, p)
	e.in.write(p, nil, false)
	if err := e.plan.Run(ctx, dyn.Replay(), progress); err != nil {
		return nil, err
	}
	b, _ := e.hidden.Handle()
	return e.m.g.ReadF32(ctx, b, 0, p.Rows()*e.m.Config.HiddenSize)
}

// Free destroys the encoder's memory.
func (e *Encoder) Free() {
	e.plan.Free()
	e.in.free()
	for _, b := range e.bufs {
		e.m.g.Free(b)
	}
	e.bufs = nil
}
