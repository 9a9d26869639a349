package model

import (
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// DecodeSpec is the size of a decoder, and what restricts or changes its predictions.
type DecodeSpec struct {
	MaxPrompt int // packed tokens of a prompt, both branches
	MaxNew    int // tokens to generate
	// Dual also runs the branch without history, for steering.
	Dual bool
	// Datastore, if not nil, is mixed into the logits of the branch with history.
	Datastore *Datastore
	// Ends are tokens that are never sampled first, so that no text is empty.
	Ends []int32
}

// Decoder generates tokens one by one with a KV cache. The sampled token stays on the device and
// feeds the next step; the host reads it only to show it.
type Decoder struct {
	Spec  DecodeSpec
	m     *Model
	cache *kvCache
	bufs  []gpu.Buffer

	prompt, token *gpu.Plan
	promptIn      *inputs
	tokenIn       *inputs
	words         *gpu.Tensor // see kernels.TokenAttention

	logits, params, seen, scratch, out, next *gpu.Tensor
	cosines                                  *gpu.Tensor // of the datastore; nil without

	lengths [2]int // positions used by each branch
	starts  [2]int // first cache slot of each branch
	prefix  int    // slots that both branches share
	count   int    // tokens sampled since Start
}

// kvCache holds the keys and values of one or two branches: [slots, KV heads × head dim] per layer.
// The slots are the rows of the packed prompt, with room for new tokens after each branch.
type kvCache struct {
	keys, values []*gpu.Tensor
}

// NewDecoder compiles the plans for a prompt and for one token, for the adapter that is active now.
func (m *Model) NewDecoder(spec DecodeSpec) (*Decoder, error) {
	if spec.MaxNew < 1 || spec.MaxPrompt < 1 {
		detail := "%d of prompt, %d new"
		return nil, fault.New(fault.OutOfRange, "decoder", "tokens", detail, spec.MaxPrompt, spec.MaxNew).
			WithLimit("at least 1 each")
	}
	d := &Decoder{Spec: spec, m: m, cache: &kvCache{}}
	c := m.Config
	branches := d.branches()
	slots := spec.MaxPrompt + branches*spec.MaxNew
	kv := c.KVHeads * c.HeadDim
	for i := range m.layers {
		d.cache.keys = append(d.cache.keys, d.tensor(fmt.Sprintf("cache.k%d", i), slots*kv))
		d.cache.values = append(d.cache.values, d.tensor(fmt.Sprintf("cache.v%d", i), slots*kv))
	}
	d.logits = d.tensor("logits", branches*d.stride())
	d.params = d.tensor("sampling", kernels.SampleParamWords)
	d.seen = d.tensor("seen", c.VocabSize)
	d.scratch = d.tensor("sampling scratch", c.VocabSize)
	d.out = d.tensor("sampled", kernels.SampledWords*spec.MaxNew)
	d.next = d.tensor("next", 1)
	if s := spec.Datastore; s != nil {
		d.cosines = d.tensor("cosines", kernels.RowStride(s.spec.Keys))
	}
	if err := d.record(); err != nil {
		d.Free()
		return nil, err
	}
	return d, nil
}

// CompileAhead requests the kernels of a decoder with the adapter a, which may be nil. It allocates
// the memory of the decoder and frees it again. spec.Datastore must be nil.
func (m *Model) CompileAhead(spec DecodeSpec, a *Adapter) error {
	told, active := m.g.OnCompile, m.adapter
	m.g.OnCompile = nil // nothing waits for them yet
	m.Use(a)
	defer func() { m.g.OnCompile = told; m.Use(active) }()
	d, err := m.NewDecoder(spec)
	if err == nil {
		d.Free()
	}
	return err
}

func (d *Decoder) branches() int {
	if d.Spec.Dual {
		return 2
	}
	return 1
}

// stride is the distance between the logits of the two branches, in values.
func (d *Decoder) stride() int { return kernels.RowStride(d.m.Config.VocabSize) }

func (d *Decoder) tensor(name string, words int) *gpu.Tensor {
	b := d.m.g.NewBuffer(name, int64(4*words), gpu.Storage)
	d.bufs = append(d.bufs, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

// record records the plans of the prompt and of one token.
func (d *Decoder) record() error {
	m, branches := d.m, d.branches()
	d.promptIn = newInputs(m.g, d.Spec.MaxPrompt, 1, d.Spec.Dual)
	d.promptIn.slots = d.promptIn.tensor("slots", d.Spec.MaxPrompt)
	d.prompt = m.g.NewPlan("prompt")
	p := &pass{
		m: m, plan: d.prompt, in: d.promptIn, cache: d.cache,
		tokens: dim{kernels.PerToken, d.Spec.MaxPrompt}, queries: dim{kernels.PerHeadRow, branches},
	}
	x := p.temp("embedded", p.tokens, m.Config.HiddenSize)
	p.embedding(m.embed, p.tokens.rows, p.in.ids, x)
	d.recordLogits(p, x)
	if err := d.prompt.Compile(); err != nil {
		return err
	}

	return d.recordToken()
}

// recordLogits records the layers and the head over the full vocabulary for a prompt.
func (d *Decoder) recordLogits(p *pass, x *gpu.Tensor) {
	for i := range p.m.layers {
		x, _ = p.layerForward(i, x)
	}
	hs, _ := p.rmsNorm(p.m.norm, p.queries, x)
	d.recordHead(p, hs)
	d.recordSample(p, hs)
}

// recordSample records what follows the logits: the datastore, and the sampling of a token. hs are
// the hidden states that gave the logits.
func (d *Decoder) recordSample(p *pass, hs *gpu.Tensor) {
	if s := d.Spec.Datastore; s != nil {
		first := dim{kernels.FixedRows(1), 1} // the row with history
		p.cosines(s, first, p.normalized(s, first, hs), d.cosines, nil)
		p.plan.Add(kernels.DatastoreMix(s.spec, p.m.Config.VocabSize, d.stride(), d.Spec.Dual, d.cosines, s.offsets,
			d.logits, d.params))
	}
	p.plan.Add(kernels.Sample(
		p.m.Config.VocabSize, d.stride(), d.Spec.Dual, d.logits, d.params, d.seen, d.scratch, d.out, d.next))
}

// Free destroys the decoder's memory.
func (d *Decoder) Free() {
	for _, p := range []*gpu.Plan{d.prompt, d.token} {
		if p != nil {
			p.Free()
		}
	}
	for _, in := range []*inputs{d.promptIn, d.tokenIn} {
		if in != nil {
			in.free()
		}
	}
	for _, b := range d.bufs {
		d.m.g.Free(b)
	}
	d.bufs = nil
}
