package model

import (
	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// inputs are the tensors that describe one micro-batch to a plan, see causal.Packed.
type inputs struct {
	g       *gpu.Context
	buffers []gpu.Buffer

	ids, positions, ranges, keyRanges                    *gpu.Tensor
	headTokens, headRanges, headPositions, headKeyRanges *gpu.Tensor
	order, targets, expert                               *gpu.Tensor
	slots                                                *gpu.Tensor // rows of the KV cache, if any
	// segments, sorted and uniques group tokens by id for the gradient of the embedding.
	segments, sorted, uniques *gpu.Tensor
}

func (in *inputs) tensor(name string, words int) *gpu.Tensor {
	b := in.g.NewBuffer(name, int64(4*words), gpu.Storage)
	in.buffers = append(in.buffers, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

// newInputs allocates inputs for packs of at most this many tokens and response tokens.
func newInputs(g *gpu.Context, tokens, responses int, dual bool) *inputs {
	rows := responses
	if dual {
		rows *= 2
	}
	in := &inputs{g: g}
	in.ids = in.tensor("ids", tokens)
	in.positions = in.tensor("positions", tokens)
	in.ranges = in.tensor("ranges", 4*tokens)
	in.keyRanges = in.tensor("key ranges", 2*tokens)
	in.headTokens = in.tensor("head tokens", rows)
	in.headRanges = in.tensor("head ranges", 4*rows)
	in.headPositions = in.tensor("head positions", rows)
	in.headKeyRanges = in.tensor("head key ranges", 2*tokens)
	in.order = in.tensor("order", rows)
	in.targets = in.tensor("targets", responses)
	in.expert = in.tensor("expert", 2*responses)
	in.segments = in.tensor("segments", tokens+1)
	in.sorted = in.tensor("sorted", tokens)
	in.uniques = in.tensor("uniques", tokens)
	return in
}

// write uploads a micro-batch. expert is [responses, 2], log-probabilities under a frozen θ_D, or
// nil.
func (in *inputs) write(p *causal.Packed, expert []float32, embeddingGrad bool) {
	put := func(t *gpu.Tensor, v []uint32) {
		b, _ := t.Handle()
		in.g.WriteU32(b, 0, v)
	}
	put(in.ids, p.IDs)
	put(in.positions, p.Positions)
	put(in.ranges, p.Ranges)
	put(in.keyRanges, p.KeyRanges)
	put(in.headTokens, p.HeadTokens)
	put(in.headRanges, p.HeadRanges)
	put(in.headPositions, p.HeadPositions)
	put(in.headKeyRanges, p.HeadKeyRanges)
	put(in.order, p.Order)
	put(in.targets, p.Targets)
	if expert != nil {
		b, _ := in.expert.Handle()
		in.g.WriteF32(b, 0, expert)
	}
	if embeddingGrad {
		segments, order, uniques := kernels.EmbeddingSegments(p.IDs)
		put(in.segments, segments)
		put(in.sorted, order)
		put(in.uniques, uniques)
	}
}

func (in *inputs) free() {
	for _, b := range in.buffers {
		in.g.Free(b)
	}
	in.buffers = nil
}
