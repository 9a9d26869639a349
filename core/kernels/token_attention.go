package kernels

import (
	"math"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// decodeValues limits the values, over all heads, that an invocation holds.
const decodeValues = 128

// TokenAttentionSpec is the shape of TokenAttention.
type TokenAttentionSpec struct {
	TokenForm
	Heads, KVHeads, HeadDim int // as in AttentionSpec
	Lanes                   int // invocations that share the keys
	// Eps and KeyGain are those of the norm on each head: KeyGain is the first value of the gain of
	// the keys, that of the queries starts at 0.
	Eps     float32
	KeyGain int
}

// The places of position and slot in the words of TokenAttention, and the number of words.
const (
	TokenPosition = 64
	TokenSlot     = 128
	TokenWords    = 192
)

// slice is the number of query heads of one workgroup.
func (s TokenAttentionSpec) slice() int {
	return largestDivisor(s.Heads/s.KVHeads, decodeValues/s.HeadDim)
}

// TokenAttention records the attention of a decoded token, with the norm on each head, the rotary
// embedding and the store to the cache: qkv [rows, (Heads + 2·KVHeads)·HeadDim], words [TokenWords]
// u32, table a RopeTable, keys and values [slots, KVHeads·HeadDim], out [rows, Heads·HeadDim].
// gains holds the two gains [HeadDim]; it is nil without the norm.
//
// words holds for row r, at 4r, the two ranges of slots that it attends to, as in AttentionSpec;
// its position at TokenPosition + r; and at TokenSlot + r the slot of its key and value, which is
// the last one of its ranges.
func TokenAttention(s TokenAttentionSpec, qkv, words, table, keys, values, out, gains *gpu.Tensor) gpu.Dispatch {
	AttentionSpec{Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim}.check()
	s.check()
	var a tokenArgs
	a.add(gpu.ReadStorage, qkv, words, table)
	a.add(gpu.WriteStorage, keys, values, out)
	a.add(gpu.ReadStorage, gains)
	slice := s.slice()
	scale := 1 / math.Sqrt(float64(s.HeadDim)) * math.Log2E
	p := program("token_attention", wgsl.Values{
		"VECS": s.HeadDim / 4, "HEADS": slice, "LANES": max(8, s.Lanes), "CHUNK": largestDivisor(s.HeadDim/4, 8),
		"NORM": wgsl.Bool(gains != nil), "SHARED": wgsl.Bool(s.Shared),
	}, a.access...)
	shape := gpu.Shape{
		uint32(s.Heads), uint32(s.KVHeads), gpu.F(float32(scale)), gpu.F(s.Eps), uint32(s.KeyGain),
	}
	groups := [3]uint32{uint32(s.Rows * s.Heads / slice), 1, 1}
	return a.dispatch(p, shape, groups, 4*s.Rows*s.Heads*s.HeadDim*tokenKeys)
}

// tokenKeys is the assumed number of keys in the estimate of TokenAttention's work.
const tokenKeys = 256

// largestDivisor returns the largest divisor of n up to limit.
func largestDivisor(n, limit int) int {
	for d := min(n, limit); d > 1; d-- {
		if n%d == 0 {
			return d
		}
	}
	return 1
}
