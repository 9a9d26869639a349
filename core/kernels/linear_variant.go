package kernels

import (
	"fmt"
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// LinearVariant is how the matrix products of linear layers are computed.
type LinearVariant struct {
	// Tiled: workgroups share tiles through workgroup memory, as GPUs want it.
	// Else every invocation loads for itself, as CPU adapters want it.
	Tiled bool `json:"tiled"`
	// Quads: four neighbours load each other's rows, by operations of subgroups.
	Quads bool `json:"quads,omitempty"`
	// Rows and Columns are the largest block of results that one invocation
	// keeps in registers; 4×4 when tiled. Each is 1, 2, 4, 8 or 16.
	Rows    int `json:"rows"`
	Columns int `json:"columns"`
	// Group is the number of invocations in a workgroup that is not tiled.
	Group int `json:"group"`
}

// The variants worth measuring. More than 16×16 overflows llvmpipe's instruction
// cache; groups of 8, one SIMD group, spread best over few cores. Quads of 32×16
// make large products a fifth faster than 16×16, small ones hardly, and are twice the
// text to compile.
var (
	linearTiled    = LinearVariant{Tiled: true, Rows: 4, Columns: 4}
	linearBlock16  = LinearVariant{Rows: 16, Columns: 16, Group: 8}
	linearBlock8   = LinearVariant{Rows: 8, Columns: 8, Group: 8}
	linearBlock4   = LinearVariant{Rows: 4, Columns: 4, Group: 64}
	linearQuads    = LinearVariant{Quads: true, Rows: 16, Columns: 16, Group: 4}
	linearVariants = []LinearVariant{linearTiled, linearBlock16, linearBlock8, linearBlock4, linearQuads}
)

// on tells whether an adapter can run the variant.
func (v LinearVariant) on(info gpu.Info) bool {
	return !v.Quads || info.Subgroups && info.SubgroupMinSize >= 4
}

// String names the variant in benchmarks and errors.
func (v LinearVariant) String() string {
	switch {
	case v.Tiled:
		return "tiled"
	case v.Quads:
		return "quads"
	}
	return fmt.Sprintf("%dx%d", v.Rows, v.Columns)
}

// linearBlock is how one product is laid over invocations.
type linearBlock struct {
	file string
	// values are those of the template.
	values wgsl.Values
	// rows, columns is the block of results of one invocation, or of one
	// workgroup when tiled; group is the number of blocks in a workgroup.
	rows, columns, group int
}

// likelyRows stands for a row count that is not known when a plan is recorded.
const likelyRows = 512

// block chooses the block of one product. Results are bit-equal for all blocks
// without tiles: each sums in the same order.
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
	switch {
	case m <= 4:
		// Few rows: columns are what can be spread.
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

// quadBlock is for four invocations, which have v.Columns each. Smaller blocks than
// 16×4 each would load as much as others without quads.
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
		values: wgsl.Values{"TM": tm, "TN": tn, "GROUP": v.Group, "STORE": storeRows, "LOADS": tm / 4, "QUADS": 1},
		rows:   tm, columns: 4 * tn, group: v.Group / 4,
	}, true
}

const (
	// storeRows of a block are stored at once: 10 to 20 % faster at 64 features
	// than one, and hardly more text.
	storeRows = 4
	// fewBlocks leave SIMD lanes or cores idle: two cores of 8 lanes.
	fewBlocks = 16
	// fewQuads leave cores idle.
	fewQuads = 4
	// smallWeight is a weight matrix too small to pay for compiling large blocks.
	smallWeight = 32 * 32
)

// shrink halves a block until it does not reach past twice the size.
func shrink(block, size int) int {
	for block > 1 && block >= 2*size {
		block /= 2
	}
	return block
}

func tiledBlock(kind linearKind, m, n int) linearBlock {
	if kind == linearForward && m <= 4 {
		return linearBlock{
			file:   "linear_forward_few",
			values: wgsl.Values{"TM": shrink(4, m), "QUADS": 0},
			rows:   4, columns: 4, group: 1,
		}
	}
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

// LinearVariants are all variants that tests run and MeasureTune tries on an adapter.
func LinearVariants(info gpu.Info) []LinearVariant {
	return slices.DeleteFunc(slices.Clone(linearVariants), func(v LinearVariant) bool { return !v.on(info) })
}
