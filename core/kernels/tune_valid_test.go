package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
)

func TestTuneValid(t *testing.T) {
	for _, info := range []gpu.Info{{CPU: true}, {}, {CPU: true, Subgroups: true, SubgroupMinSize: 4}} {
		tune := DefaultTune(info)
		require.True(t, tune.Valid(info))
		tune.Linear.Rows = 5
		require.False(t, tune.Valid(info))
		tune = DefaultTune(info)
		tune.Attention.Forward = 1 << 30
		require.False(t, tune.Valid(info))
	}
	require.False(t, Tune{}.Valid(gpu.Info{}))
	quads := DefaultTune(gpu.Info{CPU: true, Subgroups: true, SubgroupMinSize: 4})
	require.False(t, quads.Valid(gpu.Info{CPU: true}), "the same device, opened without subgroups")
	half := DefaultTune(gpu.Info{ShaderF16: true})
	require.True(t, half.Half)
	require.False(t, half.Valid(gpu.Info{}), "the same device, opened without shader-f16")
}
