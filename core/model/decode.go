package model

import (
	"context"
	"encoding/binary"
	"fmt"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// DecodeSpec sizes a decoder.
type DecodeSpec struct {
	MaxPrompt int // packed tokens of a prompt, both branches
	MaxNew    int // tokens to generate
	// Dual keeps the erased branch beside the one with history, for steering.
	Dual bool
}

// Decoder generates tokens one by one with a KV cache. The chosen token goes
// from the sampler to the next step on the device; the host reads it only to
// show it.
type Decoder struct {
	Spec  DecodeSpec
	m     *Model
	cache *Cache
	bufs  []gpu.Buffer

	prompt, token *gpu.Plan
	promptIn      *inputs
	tokenIn       *inputs

	logits, params, seen, scratch, out, next *gpu.Tensor

	lengths [2]int // positions used by each branch
	starts  [2]int // first slot of each branch
	prefix  int
	made    int
}

// NewDecoder compiles the plans for a prompt and for one token.
func (m *Model) NewDecoder(spec DecodeSpec) (*Decoder, error) {
	if spec.MaxNew < 1 || spec.MaxPrompt < 1 {
		return nil, fault.New(fault.OutOfRange, "decoder", "tokens", "a prompt of %d, %d new", spec.MaxPrompt, spec.MaxNew).WithLimit("at least 1 each")
	}
	d := &Decoder{Spec: spec, m: m, cache: &Cache{}}
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
	if err := d.record(); err != nil {
		d.Free()
		return nil, err
	}
	return d, nil
}

func (d *Decoder) branches() int {
	if d.Spec.Dual {
		return 2
	}
	return 1
}

func (d *Decoder) stride() int { return (d.m.Config.VocabSize + 3) &^ 3 }

func (d *Decoder) tensor(name string, words int) *gpu.Tensor {
	b := d.m.g.NewBuffer(name, int64(4*words), gpu.Storage)
	d.bufs = append(d.bufs, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

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

	// One token: every branch gets the same one, at its own place.
	d.tokenIn = &inputs{g: m.g}
	d.tokenIn.positions = d.tokenIn.tensor("positions", branches)
	d.tokenIn.ranges = d.tokenIn.tensor("ranges", 4*branches)
	d.tokenIn.slots = d.tokenIn.tensor("slots", branches)
	same := d.tokenIn.tensor("same", branches)
	d.token = m.g.NewPlan("token")
	p = &pass{m: m, plan: d.token, in: d.tokenIn, cache: d.cache, tokens: dim{kernels.FixedRows(branches), branches}}
	p.queries = p.tokens
	one := p.temp("embedded", dim{capacity: 1}, m.Config.HiddenSize)
	p.embedding(m.embed, kernels.FixedRows(1), d.next, one)
	d.recordLogits(p, p.gather(p.tokens, same, one))
	return d.token.Compile()
}

// recordLogits records the layers, the head over the whole vocabulary, and the
// choice of a token.
func (d *Decoder) recordLogits(p *pass, x *gpu.Tensor) {
	for i := range p.m.layers {
		x, _ = p.layerForward(i, x)
	}
	hs, _ := p.rmsNorm(p.m.norm, p.queries, x)
	stride := d.stride()
	p.chunks(func(c0, cols int, w *gpu.Tensor) {
		p.plan.Add(kernels.LinearForward(p.m.tune, kernels.LinearSpec{
			Rows: p.queries.rows, In: p.m.Config.HiddenSize, Out: cols, OutStride: stride, Format: p.m.head.format,
		}, hs, w, d.logits.Slice(int64(4*c0), d.logits.Bytes-int64(4*c0)), nil, nil))
	})
	p.plan.Add(kernels.Sample(p.m.Config.VocabSize, stride, d.Spec.Dual, d.logits, d.params, d.seen, d.scratch, d.out, d.next))
}

// Start runs a prompt and chooses the first token.
func (d *Decoder) Start(ctx context.Context, with, without []int32, sampling kernels.SampleParams, seed uint32, budget float64) error {
	c := d.m.Config
	s := causal.Sample{With: with, Without: without, Response: []int32{0}}
	if !d.Spec.Dual {
		s.Without = with
	}
	if err := s.Check("prompt", c.VocabSize); err != nil {
		return err
	}
	packed := causal.Pack([]causal.Sample{s}, 0, d.Spec.Dual)
	if packed.Tokens() > d.Spec.MaxPrompt || max(len(with), len(without))+d.Spec.MaxNew > c.MaxPositions+1 {
		return fault.New(fault.TooLarge, "prompt", "", "%d tokens and %d new", max(len(with), len(without)), d.Spec.MaxNew).
			WithLimit("%d packed, %d positions", d.Spec.MaxPrompt, c.MaxPositions).WithRemedy("use less history or fewer new tokens")
	}
	d.place(packed, s)
	seen := make([]uint32, c.VocabSize)
	for _, id := range with {
		seen[id] = 1
	}
	put := func(t *gpu.Tensor, v []uint32) {
		b, _ := t.Handle()
		d.m.g.WriteU32(b, 0, v)
	}
	put(d.seen, seen)
	words := sampling.Words()
	put(d.params, words[:])
	d.made = 1
	dyn := kernels.Dyn{Tokens: uint32(packed.Tokens()), Responses: 1, Rows: uint32(packed.Rows()), Seed: seed}
	return d.prompt.Run(ctx, dyn.Replay(), budget)
}

// place turns the packed rows of a prompt into cache slots: the erased branch
// moves up by MaxNew, to leave the branch with history room to grow.
func (d *Decoder) place(p *causal.Packed, s causal.Sample) {
	d.prefix = 0
	if d.Spec.Dual {
		// Rows before branch A are those whose first range is empty.
		for d.prefix < p.Tokens() && p.Ranges[4*d.prefix] == p.Ranges[4*d.prefix+1] && p.KeyRanges[2*d.prefix+1] == uint32(p.Tokens()) {
			d.prefix++
		}
	}
	d.lengths = [2]int{len(s.With), len(s.Without)}
	moved := len(s.With)
	d.starts = [2]int{d.prefix, moved + d.Spec.MaxNew}
	slots := make([]uint32, p.Tokens())
	shift := func(r []uint32, from int) {
		for i := from; i < len(r); i += 4 {
			r[i+2] += uint32(d.Spec.MaxNew)
			r[i+3] += uint32(d.Spec.MaxNew)
		}
	}
	for i := range slots {
		slots[i] = uint32(i)
		if i >= moved {
			slots[i] += uint32(d.Spec.MaxNew)
		}
	}
	shift(p.Ranges, 4*moved)
	shift(p.HeadRanges, 4)
	d.promptIn.write(p, nil, false)
	b, _ := d.promptIn.slots.Handle()
	d.m.g.WriteU32(b, 0, slots)
}

// Next runs the token chosen last and chooses another.
func (d *Decoder) Next(ctx context.Context, seed uint32) error {
	if d.made >= d.Spec.MaxNew {
		panic("model: decoder is out of room")
	}
	var positions, ranges, slots []uint32
	for b := range d.branches() {
		// The branch holds lengths[b]−prefix tokens from starts[b] on.
		slot := d.starts[b] + d.lengths[b] - d.prefix
		positions = append(positions, uint32(d.lengths[b]))
		ranges = append(ranges, 0, uint32(d.prefix), uint32(d.starts[b]), uint32(slot+1))
		slots = append(slots, uint32(slot))
		d.lengths[b]++
	}
	put := func(t *gpu.Tensor, v []uint32) {
		b, _ := t.Handle()
		d.m.g.WriteU32(b, 0, v)
	}
	put(d.tokenIn.positions, positions)
	put(d.tokenIn.ranges, ranges)
	put(d.tokenIn.slots, slots)
	dyn := kernels.Dyn{Seed: seed, Position: uint32(d.made), Slot: uint32(d.made), Rows: uint32(d.branches())}
	err := d.token.Run(ctx, dyn.Replay(), 0)
	d.made++
	return err
}

// Made is how many tokens have been chosen since Start.
func (d *Decoder) Made() int { return d.made }

// Sampled reads the tokens chosen from place from on.
func (d *Decoder) Sampled(ctx context.Context, from int) ([]kernels.SampledToken, error) {
	const size = 4 * kernels.SampledWords
	b, _ := d.out.Handle()
	raw := make([]byte, size*(d.made-from))
	if err := d.m.g.Read(ctx, b, size*from, raw); err != nil {
		return nil, err
	}
	var out []kernels.SampledToken
	for ; len(raw) > 0; raw = raw[size:] {
		var row [kernels.SampledWords]uint32
		for i := range row {
			row[i] = binary.LittleEndian.Uint32(raw[4*i:])
		}
		out = append(out, kernels.DecodeSampled(row))
	}
	return out, nil
}

// Logits reads the logits of the last position: with history, and without when
// the decoder is dual.
func (d *Decoder) Logits(ctx context.Context) ([][]float32, error) {
	b, _ := d.logits.Handle()
	var out [][]float32
	for i := range d.branches() {
		v, err := d.m.g.ReadF32(ctx, b, 4*i*d.stride(), d.m.Config.VocabSize)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
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
