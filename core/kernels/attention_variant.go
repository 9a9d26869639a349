package kernels

import "nextquill/core/gpu"

// AttentionVariant chooses between the attention kernels' forms.
type AttentionVariant struct {
	// Streams is how many pairs of a query row and a head one invocation
	// carries in registers, at HeadDim 32; each key and value loaded serves all
	// of them. Larger heads get fewer.
	Streams int `json:"streams"`
	// Keys is how many keys one turn of the loop takes.
	Keys int `json:"keys"`
}

// DefaultAttention returns the variant for an adapter.
func DefaultAttention(info gpu.Info) AttentionVariant {
	if info.CPU {
		return AttentionVariant{Streams: 8, Keys: 4}
	}
	return AttentionVariant{Streams: 2, Keys: 4}
}

// attentionBlock is what one invocation of a register-blocked kernel holds.
type attentionBlock struct {
	rows  int // neighbouring rows
	heads int // query heads of one key head
	turn  int // rows of the other side per turn of the loop
	group int // invocations per workgroup
}

const attentionGroup = 16

// block lays out the kernels that hold queries and loop over keys.
func (v AttentionVariant) block(s AttentionSpec) attentionBlock {
	streams := v.streams(s)
	heads := 1
	for h := 2; h <= streams; h++ {
		if s.Group()%h == 0 {
			heads = h
		}
	}
	return attentionBlock{rows: max(1, streams/heads), heads: heads, turn: v.Keys, group: attentionGroup}
}

// keyBlock lays out the kernel that holds keys and loops over queries.
func (v AttentionVariant) keyBlock(s AttentionSpec) attentionBlock {
	return attentionBlock{rows: v.streams(s), heads: 1, turn: 2, group: attentionGroup}
}

func (v AttentionVariant) streams(s AttentionSpec) int {
	return max(1, v.Streams*32/max(32, s.HeadDim))
}

func (b attentionBlock) sizes(s AttentionSpec) map[string]int {
	return map[string]int{
		"VECS": s.HeadDim / 4, "ROWS": b.rows, "HEADS": b.heads, "TURN": b.turn, "GROUP": b.group,
	}
}

// groups covers all rows times slices of heads.
func (b attentionBlock) groups(rows Rows, slices int) func(*gpu.Dyn) [3]uint32 {
	return func(d *gpu.Dyn) [3]uint32 {
		return linearGroups(ceilDiv(rows.Count(d), b.rows)*slices, b.group)
	}
}
