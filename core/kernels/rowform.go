package kernels

import "nextquill/core/gpu"

// RowForm is how a kernel that reduces over rows shares them out. Measured on
// llvmpipe, RMSNorm over [1500, 256]: 0.7 ms an invocation, 3.3 ms a workgroup
// (barriers are dear there, and neighbouring addresses gain nothing); on a GPU
// neighbours that read neighbours decide.
type RowForm uint8

const (
	// InvocationPerRow is the form for CPU adapters, and the default.
	InvocationPerRow RowForm = iota
	// WorkgroupPerRow is the form for GPUs.
	WorkgroupPerRow
)

// RowFormFor is the form for an adapter.
func RowFormFor(info gpu.Info) RowForm {
	if info.CPU {
		return InvocationPerRow
	}
	return WorkgroupPerRow
}

// chosen is the form that a caller passed, if any.
func chosen(form []RowForm) RowForm {
	if len(form) == 0 {
		return InvocationPerRow
	}
	return form[0]
}

func (f RowForm) consts() Consts { return Consts{"WORKGROUP": f == WorkgroupPerRow} }

// groups is the workgroup count for rows; shaders find a shared row at
// group.x + group.y·groups.x. size is the workgroup size of the other form.
func (f RowForm) groups(rows, size int) [3]uint32 {
	if f == WorkgroupPerRow {
		return linearGroups(rows, 1)
	}
	return linearGroups(rows, size)
}
