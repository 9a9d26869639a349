package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// Rows says which count of a Dyn the row dimension of a tensor follows, so that one recorded plan
// serves micro-batches of every size.
type Rows uint32

const (
	// PerToken is one row per packed token.
	PerToken Rows = 0
	// PerResponse is one row per response token.
	PerResponse Rows = 1
	// PerHeadRow is one row per branch and response token.
	PerHeadRow Rows = 2
)

// rowsFixed is ROWS_FIXED of shaders/common.wgsl.
const rowsFixed = 16

// FixedRows is a number of rows that is the same in every replay.
func FixedRows(n int) Rows { return Rows(n + rowsFixed) }

// rowsTimes is ROWS_TIMES of shaders/common.wgsl. It marks n times the count that the lowest four
// bits name, with n in the bits between.
const rowsTimes = 1 << 31

// maxTimes keeps n below the bit of rowsTimes.
const maxTimes = 1<<27 - 1

// Times is n rows for each row of r, for example one per head of a token.
func (r Rows) Times(n int) Rows {
	switch {
	case r >= rowsTimes || n < 1 || n > maxTimes:
		panic(fmt.Sprintf("kernels: cannot take rows %#x times %d", uint32(r), n))
	case n == 1:
		return r
	case r >= rowsFixed:
		return FixedRows(n * int(r-rowsFixed))
	}
	return rowsTimes | Rows(n)<<4 | r
}

// fixed tells whether the count is known when a plan is recorded.
func (r Rows) fixed() bool { return r >= rowsFixed && r < rowsTimes }

// Count is the number of rows in one replay. For a fixed count the replay may be nil.
func (r Rows) Count(replay *gpu.Replay) int {
	switch {
	case r >= rowsTimes:
		return int(r&^rowsTimes>>4) * (r & 15).Count(replay)
	case r >= rowsFixed:
		return int(r - rowsFixed)
	case r == PerToken:
		return int(replay.Words[wordTokens])
	case r == PerResponse:
		return int(replay.Words[wordResponses])
	}
	return int(replay.Words[wordRows])
}

// maxGroups is WebGPU's default limit of workgroups per dimension.
const maxGroups = 65535

// linearGroups divides n invocations into workgroups of size, in x first and then in y. Shaders
// compute the index as id.x + id.y·groups.x·size.
func linearGroups(n, size int) [3]uint32 {
	g := ceilDiv(n, size)
	if g <= maxGroups {
		return [3]uint32{uint32(g), 1, 1}
	}
	return [3]uint32{maxGroups, uint32(ceilDiv(g, maxGroups)), 1}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// RowStride is the distance between rows of features values, in elements: features rounded up to a
// vec4, because every kernel loads four values at once. The padding lanes of a row are 0. A kernel
// whose inputs have 0 there writes 0 there.
func RowStride(features int) int { return (features + 3) &^ 3 }

// flag is a truth value as a word of a Shape.
func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// RowForm is how a kernel that reduces rows divides them among invocations. Measured on llvmpipe,
// RMSNorm over [1500, 256] takes 0.7 ms with one invocation per row and 3.3 ms with one workgroup
// per row: barriers are expensive there, and adjacent addresses gain nothing. On a GPU adjacent
// reads of neighbouring invocations matter most.
type RowForm uint8

const (
	// InvocationPerRow is the form for CPU devices, and the default.
	InvocationPerRow RowForm = iota
	// WorkgroupPerRow is the form for GPUs.
	WorkgroupPerRow
)

// RowFormFor returns the form for a device.
func RowFormFor(info gpu.Info) RowForm {
	if info.CPU {
		return InvocationPerRow
	}
	return WorkgroupPerRow
}

// chosen is the form that a caller passed, or the default.
func chosen(form []RowForm) RowForm {
	if len(form) == 0 {
		return InvocationPerRow
	}
	return form[0]
}

// workgroup is the value WORKGROUP of the shaders that have both forms.
func (f RowForm) workgroup() int { return wgsl.Bool(f == WorkgroupPerRow) }

// groups returns the workgroup counts for rows. Shaders find the row of a workgroup at group.x +
// group.y·groups.x. size is the workgroup size of InvocationPerRow.
func (f RowForm) groups(rows, size int) [3]uint32 {
	if f == WorkgroupPerRow {
		return linearGroups(rows, 1)
	}
	return linearGroups(rows, size)
}
