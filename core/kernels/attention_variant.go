package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// AttentionVariant chooses the form of the attention kernels.
//
// Forward, QueryGrad and KeyGrad are the numbers of streams (a query row of one head, or a key row)
// that an invocation holds in registers. Each row of the other side that it loads serves all of its
// streams. Heads of more than 64 values get fewer streams, because their text takes too long to
// compile. With Tile an invocation holds one stream, and the workgroup shares what it loads.
type AttentionVariant struct {
	Forward   int  `json:"forward"`
	QueryGrad int  `json:"query_grad"`
	KeyGrad   int  `json:"key_grad"`
	Tile      bool `json:"tile"`
	// DecodeLanes is the number of invocations that share the keys of one decoded row.
	DecodeLanes int `json:"decode_lanes"`
}

// DefaultAttention is the variant for a device that has not been measured. On CPU devices loads are
// expensive, spilled registers are cheap, and workgroup memory is not fast. On GPUs the opposite
// holds. For a decoded token, a CPU device has one SIMD group in each workgroup: with 100 keys, two
// take 1.3 times as long on llvmpipe and 1.6 times as long on SwiftShader.
func DefaultAttention(info gpu.Info) AttentionVariant {
	v := AttentionVariant{Forward: 10, QueryGrad: 8, KeyGrad: 6, DecodeLanes: 8}
	if !info.CPU {
		v.Tile, v.DecodeLanes = true, 64
	}
	return v
}

// attentionBlock is how a kernel divides rows and heads among invocations.
type attentionBlock struct {
	// rows × heads (of one key head) is what an invocation holds, or a workgroup if tile is not 0.
	rows, heads int
	// tile is the number of rows of the other side in workgroup memory at a time; 0 means no tiles.
	tile int
	// lanes is the number of invocations per workgroup.
	lanes int
}

const (
	// registerLanes is small because later causal rows cost more: many small workgroups balance
	// that.
	registerLanes = 16
	tileLanes     = 64
	// tileVecs limits each of the two tiles of a kernel to 4 KiB. WebGPU guarantees 16 KiB in all.
	tileVecs = 256
)

// queryBlock returns the block of the kernels that hold queries and loop over keys: as many heads
// of a group as divide it, then rows.
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

// keyBlock returns the block of the kernel that holds keys and loops over queries.
func (v AttentionVariant) keyBlock(s AttentionSpec, streams int) attentionBlock {
	if v.Tile {
		return attentionBlock{rows: tileLanes, heads: 1, lanes: tileLanes, tile: tileRows(s)}
	}
	return attentionBlock{rows: fitStreams(s, streams), heads: 1, lanes: registerLanes}
}

func fitStreams(s AttentionSpec, streams int) int {
	return max(1, streams*64/max(64, s.HeadDim))
}

// tileRows is the number of rows of a tile, a multiple of 4.
func tileRows(s AttentionSpec) int {
	return min(32, tileVecs/(s.HeadDim/4)&^3)
}

// program returns the shader file in the form of the block.
func (b attentionBlock) program(file string, s AttentionSpec, args ...gpu.Access) *gpu.Program {
	values := wgsl.Values{"VECS": s.HeadDim / 4, "ROWS": b.rows, "HEADS": b.heads, "GROUP": b.lanes}
	if b.tile > 0 {
		file += "_tile"
		values["TILE"] = b.tile
	} else {
		values["STREAMS"] = b.rows * b.heads
	}
	return program(file, values, args...)
}

// groups returns the workgroup counts for all rows times slices of heads.
func (b attentionBlock) groups(rows Rows, slices int) func(*gpu.Replay) [3]uint32 {
	items := b.lanes
	if b.tile > 0 {
		items = 1
	}
	return func(r *gpu.Replay) [3]uint32 {
		return linearGroups(ceilDiv(rows.Count(r), b.rows)*slices, items)
	}
}
