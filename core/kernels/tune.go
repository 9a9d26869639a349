package kernels

import "nextquill/core/gpu"

// Tune holds the kernel variants that were measured best on an adapter. It goes
// through JSON, so that a host can keep it by the adapter's name.
type Tune struct {
	Linear    LinearVariant    `json:"linear"`
	Attention AttentionVariant `json:"attention"`
}

// DefaultTune is the choice for an adapter that nobody measured.
func DefaultTune(info gpu.Info) Tune {
	return Tune{
		Linear:    LinearVariant{Rows: 8, Columns: 16},
		Attention: DefaultAttention(info),
	}
}

// LinearVariant is how the matrix products of linear layers are blocked.
type LinearVariant struct {
	Rows    int `json:"rows"`
	Columns int `json:"columns"`
}

// linearBlock is the block one invocation computes, and how invocations are laid
// over the result.
type linearBlock struct {
	Rows, Columns int
	// Group is the number of invocations in a workgroup.
	Group int
	// RowsFast lays neighbouring invocations below each other, else beside.
	RowsFast bool
}

func (v LinearVariant) block(kind linearKind, s LinearSpec) linearBlock {
	return linearBlock{Rows: v.Rows, Columns: v.Columns, Group: 64}
}
