package kernels

import (
	"fmt"

	"nextquill/core/gpu"
)

// Rows says which count of a Dyn the row dimension of a tensor follows, so
// that one recorded plan serves micro-batches of every size.
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

// FixedRows is a row count that no Dyn changes.
func FixedRows(n int) Rows { return Rows(n + rowsFixed) }

// rowsTimes is ROWS_TIMES of shaders/common.wgsl: it marks n times the count
// that the lowest four bits name, with n in the bits between.
const rowsTimes = 1 << 31

// maxTimes keeps n below the mark.
const maxTimes = 1<<27 - 1

// Times is n rows for every one of r: the heads of a token, say.
func (r Rows) Times(n int) Rows {
	switch {
	case r >= rowsTimes || n < 1 || n > maxTimes:
		panic(fmt.Sprintf("kernels: rows %#x times %d", uint32(r), n))
	case n == 1:
		return r
	case r >= rowsFixed:
		return FixedRows(n * int(r-rowsFixed))
	}
	return rowsTimes | Rows(n)<<4 | r
}

// fixed tells whether the count is known when a plan is recorded.
func (r Rows) fixed() bool { return r >= rowsFixed && r < rowsTimes }

// Count is the number of rows in one replay. A fixed count needs no replay: nil will do.
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

// linearGroups spreads n invocations over workgroups of size, in x first and
// then in y; shaders undo it with id.x + id.y·groups.x·size.
func linearGroups(n, size int) [3]uint32 {
	g := ceilDiv(n, size)
	if g <= maxGroups {
		return [3]uint32{uint32(g), 1, 1}
	}
	return [3]uint32{maxGroups, uint32(ceilDiv(g, maxGroups)), 1}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
