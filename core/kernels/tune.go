package kernels

import "nextquill/core/gpu"

// Tune holds the kernel variants that were measured best on an adapter. It goes
// through JSON, so that a host can keep it by the adapter's name.
type Tune struct {
	Linear    LinearVariant    `json:"linear"`
	Attention AttentionVariant `json:"attention"`
}

// DefaultTune is the choice for an adapter that nobody has measured.
func DefaultTune(info gpu.Info) Tune {
	t := Tune{Linear: linearTiled, Attention: DefaultAttention(info)}
	if info.CPU {
		t.Linear = linearBlock16
	}
	return t
}
