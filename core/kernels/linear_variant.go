package kernels

import (
	"fmt"
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// LinearVariant is how the matrix products of linear layers are computed.
type LinearVariant struct {
	// Tiled: workgroups share tiles in workgroup memory, for GPUs. Otherwise every invocation loads
	// for itself, for CPU devices.
	Tiled bool `json:"tiled"`
	// Quads: four neighbouring invocations exchange the rows that they load, by subgroup
	// operations.
	Quads bool `json:"quads,omitempty"`
	// Rows and Columns are the size of the largest block of results that one invocation keeps in
	// registers; 4×4 with Tiled. Each is 1, 2, 4, 8, 16 or 32.
	Rows    int `json:"rows"`
	Columns int `json:"columns"`
	// Group is the number of invocations in a workgroup without Tiled.
	Group int `json:"group"`
}

// The variants that are worth measuring. On llvmpipe, a load takes as long as 18 products of vec4s,
// so blocks of 32×32 are 1.4 to 1.6 times as fast as 16×16, although they exceed the instruction
// cache. They take seconds to compile, so only large weights get them. Workgroups of 8 invocations,
// one SIMD group, use few cores best.
//
// Quads are for SwiftShader. The machine code of the inner loop must fit in the instruction cache
// there, so larger blocks are slower. Smaller ones are slower too: with 16×16, 16×4 or 8×8 results
// per invocation, a training step takes 1.1 to 1.25 times as long as with 16×8. With two steps of
// the depth per iteration, it takes 1.2 times as long.
var (
	linearTiled    = LinearVariant{Tiled: true, Rows: 4, Columns: 4}
	linearBlock32  = LinearVariant{Rows: 32, Columns: 32, Group: 8}
	linearBlock16  = LinearVariant{Rows: 16, Columns: 16, Group: 8}
	linearBlock8   = LinearVariant{Rows: 8, Columns: 8, Group: 8}
	linearBlock4   = LinearVariant{Rows: 4, Columns: 4, Group: 64}
	linearQuads    = LinearVariant{Quads: true, Rows: 16, Columns: 8, Group: 4}
	linearVariants = []LinearVariant{linearTiled, linearBlock16, linearBlock8, linearBlock4, linearQuads, linearBlock32}
)

// on tells whether the variant is for a device. Blocks of 32×32 take the place of 16×16 on CPU
// devices that cannot run quads.
func (v LinearVariant) on(info gpu.Info) bool {
	quads := info.Subgroups && info.SubgroupMinSize >= 4
	switch v {
	case linearQuads:
		return quads
	case linearBlock32:
		return info.CPU && !quads
	case linearBlock16:
		return !info.CPU || quads
	}
	return true
}

// String is the name of the variant in benchmarks and errors.
func (v LinearVariant) String() string {
	switch {
	case v.Tiled:
		return "tiled"
	case v.Quads:
		return "quads"
	}
	return fmt.Sprintf("%dx%d", v.Rows, v.Columns)
}

// linearBlock is how one product is divided among invocations.
type linearBlock struct {
	file string
	// values are those of the template.
	values wgsl.Values
	// rows × columns is the block of results of one invocation, or of one workgroup if tiled. group
	// is the number of blocks in a workgroup.
	rows, columns, group int
}

// linearFirst is the word of the Shape that divides a dispatch, see gpu.Dispatch.First.
const linearFirst = 8

// likelyRows is the assumed number of rows if it is not known when a plan is recorded.
const likelyRows = 512

// block chooses the block of one product. The results of all blocks without tiles are equal to the
// bit, because each sums in the same order.
func (v LinearVariant) block(kind linearKind, s LinearSpec) linearBlock {
	m, n := s.result(kind, likelyRows)
	if kind != linearWeight && s.Rows.fixed() {
		m = s.Rows.Count(nil)
	}
	if v.Tiled {
		return tiledBlock(kind, m, n)
	}
	if v.Quads {
		if b, ok := v.quadBlock(kind, m, n); ok {
			return b
		}
		v = linearBlock16
	}
	tm, tn := shrink(v.Rows, m), shrink(v.Columns, n)
	if kind == linearWeight || s.In*s.Out < largeWeight {
		tm, tn = min(tm, 16), min(tn, 16)
	}
	switch {
	case m <= 4:
		// With few rows, only the columns can be divided.
		tn = min(tn, 4)
	case ceilDiv(m, tm)*ceilDiv(n, tn) < fewBlocks, s.In*s.Out <= smallWeight:
		tm, tn = min(tm, 8), min(tn, 8)
	}
	tn = max(tn, 4)
	if kind == linearWeight {
		tm = max(tm, 4)
	}
	return linearBlock{
		file:   kind.String(),
		values: wgsl.Values{"TM": tm, "TN": tn, "GROUP": v.Group, "STORE": min(tm, storeRows), "LOADS": tm, "QUADS": 0},
		rows:   tm, columns: tn, group: v.Group,
	}
}

// quadBlock returns the block of four invocations, each with v.Columns columns. Blocks smaller than
// 16×4 per invocation would load as much as blocks without quads.
func (v LinearVariant) quadBlock(kind linearKind, m, n int) (b linearBlock, ok bool) {
	tm, tn := max(16, shrink(v.Rows, m)), max(4, shrink(v.Columns, ceilDiv(n, 4)))
	if m < tm || n < 4*tn {
		return b, false
	}
	for tn > 4 && ceilDiv(m, tm)*ceilDiv(n, 4*tn) < fewQuads {
		tn /= 2
	}
	return linearBlock{
		file:   kind.String(),
		values: wgsl.Values{"TM": tm, "TN": tn, "GROUP": v.Group, "STORE": tm / 4, "LOADS": tm / 4, "QUADS": 1},
		rows:   tm, columns: 4 * tn, group: v.Group / 4,
	}, true
}

const (
	// storeRows rows of a block are stored at once. For 64 features that is 10 to 20 % faster than
	// one row, and hardly more text.
	storeRows = 4
	// fewBlocks: fewer blocks than this leave cores or SIMD lanes idle (two cores of 8 lanes).
	fewBlocks = 16
	// fewQuads: fewer blocks of quads than this leave cores idle.
	fewQuads = 4
	// smallWeight is the size of a weight matrix that does not justify compiling large blocks.
	smallWeight = 32 * 32
	// largeWeight is the size of a weight matrix that justifies compiling blocks of more than
	// 16×16. All matrices of the embedded model are smaller.
	largeWeight = 320 * 1024
)

// shrink halves a block until it is less than twice the size.
func shrink(block, size int) int {
	for block > 1 && block >= 2*size {
		block /= 2
	}
	return block
}

func tiledBlock(kind linearKind, m, n int) linearBlock {
	tx, ty := 16, 16
	switch {
	case n <= 16:
		tx = 4
	case m <= 16:
		ty = 4
	}
	return linearBlock{
		file:   kind.String() + "_tiled",
		values: wgsl.Values{"TX": tx, "TY": ty, "QUADS": 0},
		rows:   4 * ty, columns: 4 * tx, group: 1,
	}
}

// AllLinearVariants returns the variants of all devices.
func AllLinearVariants() []LinearVariant { return slices.Clone(linearVariants) }

// LinearVariants returns the variants for a device: tests run all of them, MeasureTune compares
// them.
func LinearVariants(info gpu.Info) []LinearVariant {
	return slices.DeleteFunc(slices.Clone(linearVariants), func(v LinearVariant) bool { return !v.on(info) })
}
