package reference

import (
	"maps"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// Model is a decoder of the Llama family: its weights by HF name, row-major, and an optional
// adapter.
type Model struct {
	Config  Config
	Weights map[string][]float64
	Adapter *Adapter // nil trains all tensors of the model
}

// Adapter is a LoRA adapter: each linear layer W that it names becomes W + Scale·B·A.
type Adapter struct {
	Scale   float64              // lora_alpha / r
	Weights map[string][]float64 // PEFT names: A [r, in], B [out, r]
}

// gradients holds one slice per trained tensor, under the tensor's name. Frozen tensors have none.
type gradients map[string][]float64

func (m *Model) newGradients() gradients {
	trained := m.Weights
	if m.Adapter != nil {
		trained = m.Adapter.Weights
	}
	g := gradients{}
	for name, w := range trained {
		g[name] = make([]float64, len(w))
	}
	return g
}

// pass is one forward pass, with everything that its backward pass needs.
type pass struct {
	m      *Model
	ids    []int
	first  int         // the token of logits[0]
	logits [][]float64 // of the tokens first, first+1, …
	layers []layerState
	last   [][]float64 // the input of the final norm
	normed [][]float64 // its output
}

// layerState keeps the intermediate values of one decoder layer.
type layerState struct {
	x       [][]float64 // input
	normed  [][]float64 // after input_layernorm
	qs, ks  [][]float64 // before q_norm and k_norm; nil without such norms
	q, k, v [][]float64 // q and k after the rotary positions
	mixed   [][]float64 // output of attention, heads concatenated
	middle  [][]float64 // x + o_proj(mixed)
	normed2 [][]float64 // after post_attention_layernorm
	gate    [][]float64
	up      [][]float64
	act     [][]float64 // silu(gate)·up
}

// forward runs ids through the model, from position 0, and computes the logits of n tokens starting
// at first.
func (m *Model) forward(ids []int, first, n int) *pass {
	c := m.Config
	p := &pass{m: m, ids: ids, first: first}
	x := make([][]float64, len(ids))
	for t, id := range ids {
		x[t] = m.Weights[embedding][id*c.Hidden:][:c.Hidden]
	}
	for i := range c.Layers {
		name := func(s string) string { return layer(i, s) }
		s := layerState{x: x}

		s.normed = rmsNorm(x, m.Weights[name("input_layernorm.weight")], c.NormEps)
		s.q = m.linear(name("self_attn.q_proj"), s.normed)
		s.k = m.linear(name("self_attn.k_proj"), s.normed)
		s.v = m.linear(name("self_attn.v_proj"), s.normed)
		if c.headNorms() {
			s.qs, s.ks = s.q, s.k
			s.q = m.headNorm(name("self_attn.q_norm.weight"), s.qs)
			s.k = m.headNorm(name("self_attn.k_norm.weight"), s.ks)
		}
		rotate(s.q, c, +1)
		rotate(s.k, c, +1)
		s.mixed = attention(c, s.q, s.k, s.v)
		s.middle = add(x, m.linear(name("self_attn.o_proj"), s.mixed))

		s.normed2 = rmsNorm(s.middle, m.Weights[name("post_attention_layernorm.weight")], c.NormEps)
		s.gate = m.linear(name("mlp.gate_proj"), s.normed2)
		s.up = m.linear(name("mlp.up_proj"), s.normed2)
		s.act = swiGLU(s.gate, s.up)
		x = add(s.middle, m.linear(name("mlp.down_proj"), s.act))

		p.layers = append(p.layers, s)
	}
	p.last = x
	p.normed = rmsNorm(x, m.Weights[finalNorm], c.NormEps)
	p.logits = matmul(p.normed[first:][:n], m.Weights[c.head()], c.VocabSize)
	return p
}

// backward adds to g the gradient of every trained tensor, given that of the logits.
func (p *pass) backward(dlogits [][]float64, g gradients) {
	m, c := p.m, p.m.Config
	// Only the tokens with logits have a gradient here; attention propagates it to earlier tokens.
	dnormed := zeros(len(p.ids), c.Hidden)
	for t, d := range matmulBackward(p.normed[p.first:][:len(dlogits)], m.Weights[c.head()], dlogits, g[c.head()]) {
		dnormed[p.first+t] = d
	}
	dx := rmsNormBackward(p.last, m.Weights[finalNorm], c.NormEps, dnormed, g[finalNorm])

	for i, s := range slices.Backward(p.layers) {
		name := func(s string) string { return layer(i, s) }

		// x' = middle + down(silu(gate)·up): the residual passes dx on unchanged, and the MLP adds
		// to it.
		dact := m.linearBackward(name("mlp.down_proj"), s.act, dx, g)
		dgate, dup := swiGLUBackward(s.gate, s.up, dact)
		dnormed2 := add(
			m.linearBackward(name("mlp.gate_proj"), s.normed2, dgate, g),
			m.linearBackward(name("mlp.up_proj"), s.normed2, dup, g),
		)
		norm2 := name("post_attention_layernorm.weight")
		dmiddle := add(dx, rmsNormBackward(s.middle, m.Weights[norm2], c.NormEps, dnormed2, g[norm2]))

		// middle = x + o(attention(q, k, v))
		dmixed := m.linearBackward(name("self_attn.o_proj"), s.mixed, dmiddle, g)
		dq, dk, dv := attentionBackward(c, s.q, s.k, s.v, dmixed)
		rotate(dq, c, -1) // the transpose of a rotation is its inverse
		rotate(dk, c, -1)
		if c.headNorms() {
			dq = m.headNormBackward(name("self_attn.q_norm.weight"), s.qs, dq, g)
			dk = m.headNormBackward(name("self_attn.k_norm.weight"), s.ks, dk, g)
		}
		dnormed := add(
			m.linearBackward(name("self_attn.q_proj"), s.normed, dq, g),
			m.linearBackward(name("self_attn.k_proj"), s.normed, dk, g),
			m.linearBackward(name("self_attn.v_proj"), s.normed, dv, g),
		)
		norm := name("input_layernorm.weight")
		dx = add(dmiddle, rmsNormBackward(s.x, m.Weights[norm], c.NormEps, dnormed, g[norm]))
	}

	if dE := g[embedding]; dE != nil { // a tied table already has the gradient of the head
		for t, id := range p.ids {
			accumulate(dE[id*c.Hidden:][:c.Hidden], 1, dx[t])
		}
	}
}

// check compares the weights with the config.
func (m *Model) check() error {
	if err := m.Config.check(); err != nil {
		return err
	}
	want := m.Config.tensors()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := sized("model", name, m.Weights, want[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
		if _, ok := want[name]; !ok {
			return fault.New(fault.Mismatch, "model", name, "the config has no such tensor")
		}
	}
	if m.Adapter != nil {
		return m.Adapter.check(m.Config)
	}
	return nil
}

// check compares the adapter's tensors with the model's linear layers.
func (a *Adapter) check(c Config) error {
	if len(a.Weights) == 0 {
		return fault.New(fault.Missing, "adapter", "", "no tensors")
	}
	linears := c.linears()
	for _, name := range slices.Sorted(maps.Keys(a.Weights)) {
		w := a.Weights[name]
		path := strings.TrimPrefix(name, peftPrefix)
		path = strings.TrimSuffix(strings.TrimSuffix(path, loraA), loraB)
		s, ok := linears[path]
		if !ok || (name != peftPrefix+path+loraA && name != peftPrefix+path+loraB) {
			return fault.New(fault.Unsupported, "adapter", name, "not the A or B of a linear layer of this model")
		}
		rank := len(a.Weights[peftPrefix+path+loraA]) / s.in
		if rank == 0 || strings.HasSuffix(name, loraA) && len(w) != rank*s.in {
			return fault.New(fault.Mismatch, "adapter", path+loraA, "its rows are not of length %d", s.in)
		}
		if err := sized("adapter", peftPrefix+path+loraB, a.Weights, s.out*rank); err != nil {
			return err
		}
	}
	return nil
}

func sized(where, name string, tensors map[string][]float64, want int) error {
	w, ok := tensors[name]
	if !ok {
		return fault.New(fault.Missing, where, name, "missing tensor")
	}
	if len(w) != want {
		return fault.New(fault.Mismatch, where, name, "%d elements, expected %d", len(w), want)
	}
	return nil
}
