package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// AttentionSpec describes causal grouped-query attention over packed branches.
//
// Query head h reads key head h / (Heads/KVHeads). Scores are scaled by 1/sqrt(HeadDim). A query
// attends to the keys [a0,a1) ∪ [b0,b1) in its row of a ranges tensor (vec4<u32>): the shared
// prefix, and its own branch up to itself.
type AttentionSpec struct {
	// Rows is the number of queries. In training the keys are the same rows; in decoding they are
	// slots of a cache. Mesa's CPU device stops an invocation after 65,535 iterations of its loops,
	// so rows·Heads/KVHeads and the number of keys per query must stay below that.
	Rows Rows
	// Heads is a multiple of KVHeads; HeadDim is a multiple of 4, at most MaxHeadDim.
	Heads, KVHeads, HeadDim int
	// Small: AttentionForward uses smaller blocks. On CPU devices they compile faster and run
	// slower; the results are equal to the bit.
	Small bool
	// Queries is the number of queries of AttentionKeyGrad, whose Rows are keys. Only the estimate
	// of work uses it.
	Queries Rows
}

// MaxHeadDim is the largest AttentionSpec.HeadDim: the kernels hold a query in registers.
const MaxHeadDim = 128

// Group is the number of query heads that share a key head.
func (s AttentionSpec) Group() int { return s.Heads / s.KVHeads }

// Scale is the factor of the scores.
func (s AttentionSpec) Scale() float64 { return 1 / math.Sqrt(float64(s.HeadDim)) }

func (s AttentionSpec) check() {
	switch {
	case s.KVHeads <= 0 || s.Heads <= 0 || s.Heads%s.KVHeads != 0:
		panic(fmt.Sprintf("kernels: attention: Heads %d must be a multiple of KVHeads %d", s.Heads, s.KVHeads))
	case s.HeadDim <= 0 || s.HeadDim%4 != 0 || s.HeadDim > MaxHeadDim:
		panic(fmt.Sprintf("kernels: attention: HeadDim %d must be a positive multiple of 4, at most %d", s.HeadDim,
			MaxHeadDim))
	}
}

// flops returns products×2·pairs·HeadDim operations over all heads. The number of pairs of a query
// and a key that it attends to comes from the replay. If that is unknown, each query counts half of
// the rows.
func (s AttentionSpec) flops(products float64, queries Rows) func(*gpu.Replay) float64 {
	return func(r *gpu.Replay) float64 {
		rows := float64(queries.Count(r))
		pairs := rows * (rows + 1) / 2
		switch {
		case queries == PerToken && r.Hints[hintPairs] > 0:
			pairs = float64(r.Hints[hintPairs])
		case queries == PerHeadRow && r.Hints[hintHeadPairs] > 0:
			pairs = float64(r.Hints[hintHeadPairs])
		}
		return products * 2 * pairs * float64(s.Heads*s.HeadDim)
	}
}

// attentionFirst is the word of the Shape that divides a dispatch, see gpu.Dispatch.First.
const attentionFirst = 5

func (s AttentionSpec) shape() gpu.Shape {
	return gpu.Shape{
		uint32(s.Rows), uint32(s.Heads), uint32(s.KVHeads),
		gpu.F(float32(s.Scale())), gpu.F(float32(s.Scale() * math.Log2E)),
	}
}

// AttentionForward records out = softmax(q·kᵀ·scale)·v.
//
// q and out are [rows, Heads·HeadDim], k and v are [keys, KVHeads·HeadDim], ranges is [rows] of
// vec4<u32>. Each query attends to at least one key. stats is [rows, Heads, 2]: its first value
// becomes the log-sum-exp of the scaled scores, which the backward kernels need.
func AttentionForward(t *Tune, s AttentionSpec, q, k, v, ranges, out, stats *gpu.Tensor) gpu.Dispatch {
	s.check()
	streams := t.Attention.Forward
	if s.Small {
		streams = min(streams, s.Group())
	}
	b := t.Attention.queryBlock(s, streams)
	return gpu.Dispatch{
		Program: b.program("attention_forward", s,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  s.shape(),
		First:  attentionFirst,
		Args:   []*gpu.Tensor{q, k, v, ranges, out, stats},
		Groups: b.groups(s.Rows, s.Heads/b.heads),
		Flops:  s.flops(2, s.Rows),
	}
}

// AttentionDelta records stats[..,1] = Σ_d dout·out per row and head: the row sum that the gradient
// of the softmax subtracts.
func AttentionDelta(s AttentionSpec, out, dout, stats *gpu.Tensor) gpu.Dispatch {
	s.check()
	return gpu.Dispatch{
		Program: program("attention_delta", wgsl.Values{"VECS": s.HeadDim / 4},
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape: s.shape(),
		Args:  []*gpu.Tensor{out, dout, stats},
		Groups: func(r *gpu.Replay) [3]uint32 {
			return linearGroups(s.Rows.Count(r)*s.Heads, 64)
		},
		Flops: func(r *gpu.Replay) float64 { return 2 * float64(s.Rows.Count(r)*s.Heads*s.HeadDim) },
	}
}

// AttentionQueryGrad records dq = ∂/∂q, given dout = ∂/∂out and both values of stats. It computes
// the probabilities again from the log-sum-exp.
func AttentionQueryGrad(t *Tune, s AttentionSpec, q, k, v, ranges, stats, dout, dq *gpu.Tensor) gpu.Dispatch {
	s.check()
	b := t.Attention.queryBlock(s, t.Attention.QueryGrad)
	return gpu.Dispatch{
		Program: b.program("attention_query_grad", s,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage,
			gpu.ReadStorage, gpu.WriteStorage),
		Shape:  s.shape(),
		First:  attentionFirst,
		Args:   []*gpu.Tensor{q, k, v, ranges, stats, dout, dq},
		Groups: b.groups(s.Rows, s.Heads/b.heads),
		Flops:  s.flops(3, s.Rows),
	}
}

// AttentionKeyGrad records dk = ∂/∂k and dv = ∂/∂v; it replaces their contents. Keys and queries
// are the same rows. Exactly the query rows [q0,q1) of keyRanges[j] (vec2<u32>) attend to key j; an
// empty range gives zeros.
func AttentionKeyGrad(t *Tune, s AttentionSpec, q, k, v, keyRanges, stats, dout, dk, dv *gpu.Tensor) gpu.Dispatch {
	s.check()
	b := t.Attention.keyBlock(s, t.Attention.KeyGrad)
	return gpu.Dispatch{
		Program: b.program("attention_key_grad", s,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage,
			gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  s.shape(),
		First:  attentionFirst,
		Args:   []*gpu.Tensor{q, k, v, keyRanges, stats, dout, dk, dv},
		Groups: b.groups(s.Rows, s.KVHeads),
		Flops:  s.flops(4, s.Queries),
	}
}
