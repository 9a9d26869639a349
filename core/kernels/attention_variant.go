package kernels

import "nextquill/core/gpu"

// AttentionVariant is how much one invocation of the attention kernels holds in
// registers, in streams (a query row of one head, or a key row) of 32 values;
// each row of the other side that it loads serves all of them. Larger heads get
// fewer streams.
type AttentionVariant struct {
	Forward   int `json:"forward"`
	QueryGrad int `json:"query_grad"`
	KeyGrad   int `json:"key_grad"`
	// DecodeLanes is how many invocations share the keys of one decoded row.
	DecodeLanes int `json:"decode_lanes"`
}

// DefaultAttention is the choice for an adapter that nobody measured. CPU
// adapters pay for loads and spill registers cheaply; on a GPU a spill is slow.
func DefaultAttention(info gpu.Info) AttentionVariant {
	if info.CPU {
		return AttentionVariant{Forward: 10, QueryGrad: 8, KeyGrad: 6, DecodeLanes: 16}
	}
	return AttentionVariant{Forward: 2, QueryGrad: 2, KeyGrad: 1, DecodeLanes: 64}
}

// attentionBlock is what one invocation holds: neighbouring rows times query
// heads of one key head.
type attentionBlock struct {
	rows, heads int
	groupSize   int
}

// attentionGroup is small: causal rows cost more the later they come, and many
// small workgroups even that out.
const attentionGroup = 16

// queryBlock lays out the kernels that hold queries and loop over keys: as many
// heads of a group as divide it, then rows.
func queryBlock(s AttentionSpec, streams int) attentionBlock {
	streams = fitStreams(s, streams)
	heads := largestDivisor(s.Group(), streams)
	return attentionBlock{rows: streams / heads, heads: heads, groupSize: attentionGroup}
}

// keyBlock lays out the kernel that holds keys and loops over queries.
func keyBlock(s AttentionSpec, streams int) attentionBlock {
	return attentionBlock{rows: fitStreams(s, streams), heads: 1, groupSize: attentionGroup}
}

func fitStreams(s AttentionSpec, streams int) int {
	return max(1, streams*32/max(32, s.HeadDim))
}

func (b attentionBlock) sizes(s AttentionSpec) map[string]int {
	return map[string]int{
		"VECS": s.HeadDim / 4, "ROWS": b.rows, "HEADS": b.heads, "STREAMS": b.rows * b.heads, "GROUP": b.groupSize,
	}
}

// groups covers all rows times slices of heads.
func (b attentionBlock) groups(rows Rows, slices int) func(*gpu.Dyn) [3]uint32 {
	return func(d *gpu.Dyn) [3]uint32 {
		return linearGroups(ceilDiv(rows.Count(d), b.rows)*slices, b.groupSize)
	}
}
