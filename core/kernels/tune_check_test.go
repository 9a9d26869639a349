package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
)

func TestTuneValid(t *testing.T) {
	for _, cpu := range []bool{true, false} {
		tune := DefaultTune(gpu.Info{CPU: cpu})
		require.True(t, tune.Valid())
		tune.Linear.Rows = 5
		require.False(t, tune.Valid())
		tune = DefaultTune(gpu.Info{CPU: cpu})
		tune.Attention.Forward = 1 << 30
		require.False(t, tune.Valid())
	}
	require.False(t, Tune{}.Valid())
}
