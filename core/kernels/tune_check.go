package kernels

import (
	"slices"

	"nextquill/core/gpu"
)

// Valid tells whether t names variants that exist on an adapter: one read from a cache
// may have been written by another version, with other features, or by anybody.
func (t Tune) Valid(info gpu.Info) bool {
	if t.Half && !info.ShaderF16 {
		return false
	}
	a := t.Attention
	for _, block := range []int{a.Forward, a.QueryGrad, a.KeyGrad} {
		if block < 1 || block > 16 {
			return false
		}
	}
	return slices.Contains(LinearVariants(info), t.Linear) && slices.Contains([]int{1, 2, 4, 8, 16, 32, 64}, a.DecodeLanes)
}
