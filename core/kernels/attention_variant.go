package kernels

import "nextquill/core/gpu"

// AttentionVariant chooses the form of the attention kernels.
//
// Forward, QueryGrad and KeyGrad are how many streams (a query row of one head,
// or a key row) an invocation holds in registers; each row of the other side that
// it loads serves all of them. Heads of more than 64 values get fewer streams:
// their text takes too long to compile. With Tile an invocation holds one stream
// instead, and a workgroup shares what it loads.
type AttentionVariant struct {
	Forward   int  `json:"forward"`
	QueryGrad int  `json:"query_grad"`
	KeyGrad   int  `json:"key_grad"`
	Tile      bool `json:"tile"`
	// DecodeLanes is how many invocations share the keys of one decoded row.
	DecodeLanes int `json:"decode_lanes"`
}

// DefaultAttention is the choice for an adapter that nobody measured. CPU
// adapters pay for loads, spill registers cheaply, and have no fast workgroup
// memory; on a GPU it is the other way round.
func DefaultAttention(info gpu.Info) AttentionVariant {
	v := AttentionVariant{Forward: 10, QueryGrad: 8, KeyGrad: 6, DecodeLanes: 16}
	if !info.CPU {
		v.Tile, v.DecodeLanes = true, 64
	}
	return v
}

// attentionBlock is how a kernel divides its rows and heads.
type attentionBlock struct {
	// rows times heads (of one key head) are what an invocation holds, or a
	// workgroup where tile is set.
	rows, heads int
	// tile is how many rows of the other side are in workgroup memory at a time.
	tile int
	// lanes is the number of invocations per workgroup.
	lanes int
}

const (
	// registerLanes is small: causal rows cost more the later they come, and
	// many small workgroups even that out.
	registerLanes = 16
	tileLanes     = 64
	// tileVecs bounds each of a kernel's two tiles to 4 KiB, half of what
	// WebGPU promises in all.
	tileVecs = 256
)

// queryBlock lays out the kernels that hold queries and loop over keys: as many
// heads of a group as divide it, then rows.
func (v AttentionVariant) queryBlock(s AttentionSpec, streams int) attentionBlock {
	b := attentionBlock{lanes: registerLanes}
	streams = fitStreams(s, streams)
	if v.Tile {
		b.lanes, b.tile, streams = tileLanes, tileRows(s), tileLanes
	}
	b.heads = largestDivisor(s.Group(), streams)
	b.rows = max(1, (streams+b.heads/2)/b.heads)
	return b
}

// keyBlock lays out the kernel that holds keys and loops over queries.
func (v AttentionVariant) keyBlock(s AttentionSpec, streams int) attentionBlock {
	if v.Tile {
		return attentionBlock{rows: tileLanes, heads: 1, lanes: tileLanes, tile: tileRows(s)}
	}
	return attentionBlock{rows: fitStreams(s, streams), heads: 1, lanes: registerLanes}
}

func fitStreams(s AttentionSpec, streams int) int {
	return max(1, streams*64/max(64, s.HeadDim))
}

// tileRows is a multiple of 4.
func tileRows(s AttentionSpec) int {
	return min(32, tileVecs/(s.HeadDim/4)&^3)
}

// program is shader file in the block's form.
func (b attentionBlock) program(file string, s AttentionSpec, args ...gpu.Access) *gpu.Program {
	sizes := map[string]int{"VECS": s.HeadDim / 4, "ROWS": b.rows, "HEADS": b.heads, "GROUP": b.lanes}
	if b.tile > 0 {
		file += "_tile"
		sizes["TILE"] = b.tile
	} else {
		sizes["STREAMS"] = b.rows * b.heads
	}
	return unrolled(file, sizes, nil, args...)
}

// groups covers all rows times slices of heads.
func (b attentionBlock) groups(rows Rows, slices int) func(*gpu.Replay) [3]uint32 {
	items := b.lanes
	if b.tile > 0 {
		items = 1
	}
	return func(r *gpu.Replay) [3]uint32 {
		return linearGroups(ceilDiv(rows.Count(r), b.rows)*slices, items)
	}
}
