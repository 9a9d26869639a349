package model

import (
	"context"
	"encoding/binary"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// Start runs a prompt and samples the first token. with and without are the prompts with history
// and with the history erased; a decoder with one branch ignores without. progress is that of
// gpu.Plan.Run.
func (d *Decoder) Start(
	ctx context.Context, with, without []int32, sampling kernels.SampleParams, seed uint32,
	progress func(share float64),
) error {
	c := d.m.Config
	s := causal.Sample{With: with, Without: without, Response: []int32{0}}
	if !d.Spec.Dual {
		s.Without = with
	}
	if err := s.Check("prompt", c.VocabSize); err != nil {
		return err
	}
	packed := causal.Pack([]causal.Sample{s}, 0, d.Spec.Dual)
	longest := max(len(with), len(without))
	if packed.Tokens() > d.Spec.MaxPrompt || longest+d.Spec.MaxNew > c.MaxPositions+1 {
		return fault.New(fault.TooLarge, "prompt", "", "%d tokens and %d new", longest, d.Spec.MaxNew).
			WithLimit("%d packed, %d positions", d.Spec.MaxPrompt, c.MaxPositions).
			WithRemedy("use a shorter history or fewer new tokens")
	}
	d.place(packed, s)
	seen := make([]uint32, c.VocabSize)
	for _, id := range with {
		seen[id] = kernels.Seen
	}
	for _, id := range d.Spec.Ends {
		// A tokenizer can have more tokens than the model.
		if int(id) < c.VocabSize {
			seen[id] |= kernels.NotFirst
		}
	}
	d.put(d.seen, seen)
	words := sampling.Words()
	d.put(d.params, words[:])
	d.count = 1
	dyn := kernels.Dyn{Tokens: uint32(packed.Tokens()), Responses: 1, Rows: uint32(packed.Rows()), Seed: seed}
	return d.prompt.Run(ctx, dyn.Replay(), progress)
}

func (d *Decoder) put(t *gpu.Tensor, v []uint32) {
	b, _ := t.Handle()
	d.m.g.WriteU32(b, 0, v)
}

// place assigns cache slots to the packed rows of a prompt. The branch without history moves up by
// MaxNew slots, so that the branch with history has room for new tokens.
func (d *Decoder) place(p *causal.Packed, s causal.Sample) {
	d.prefix = 0
	if d.Spec.Dual {
		// The rows before the branches are those with an empty first range whose keys every later
		// row attends to.
		shared := func(row int) bool {
			return p.Ranges[4*row] == p.Ranges[4*row+1] && p.KeyRanges[2*row+1] == uint32(p.Tokens())
		}
		for d.prefix < p.Tokens() && shared(d.prefix) {
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
	d.put(d.promptIn.slots, slots)
}

// Next runs the last sampled token and samples another. It panics after MaxNew tokens.
func (d *Decoder) Next(ctx context.Context, seed uint32) error {
	if d.count >= d.Spec.MaxNew {
		panic("model: the decoder has sampled MaxNew tokens")
	}
	words := make([]uint32, kernels.TokenWords)
	for b := range d.branches() {
		// The branch has lengths[b]−prefix tokens, starting at slot starts[b].
		slot := d.starts[b] + d.lengths[b] - d.prefix
		copy(words[4*b:], []uint32{0, uint32(d.prefix), uint32(d.starts[b]), uint32(slot + 1)})
		words[kernels.TokenPosition+b] = uint32(d.lengths[b])
		words[kernels.TokenSlot+b] = uint32(slot)
		d.lengths[b]++
	}
	d.put(d.words, words)
	dyn := kernels.Dyn{Seed: seed, Position: uint32(d.count), Slot: uint32(d.count), Rows: uint32(d.branches())}
	err := d.token.Run(ctx, dyn.Replay(), nil)
	d.count++
	return err
}

// Dispatches is the number of dispatches of one token.
func (d *Decoder) Dispatches() int { return d.token.Dispatches(kernels.Dyn{}.Replay()) }

// Count is the number of tokens sampled since Start.
func (d *Decoder) Count() int { return d.count }

// Sampled reads the sampled tokens, starting at index from.
func (d *Decoder) Sampled(ctx context.Context, from int) ([]kernels.SampledToken, error) {
	const size = 4 * kernels.SampledWords
	b, _ := d.out.Handle()
	raw := make([]byte, size*(d.count-from))
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

// Logits reads the logits of the last position, [branches][vocabulary]: with history and, when the
// decoder is dual, without.
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
