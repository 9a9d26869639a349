package kernels

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
)

// Products read weights in F16 by shader-f16 if the device has it, and no other product does.
func TestHalfIsUsed(t *testing.T) {
	tensor := gpu.Persistent("t", 1, 0, 4)
	uses := func(tune Tune, f Format, record func(*Tune, LinearSpec, *gpu.Tensor, *gpu.Tensor, *gpu.Tensor, *gpu.Tensor,
		*gpu.Tensor) gpu.Dispatch, rank int) bool {
		s := LinearSpec{Rows: PerToken, In: 64, Out: 64, Format: f, Rank: rank}
		var low *gpu.Tensor
		if rank > 0 {
			low = tensor
		}
		text, err := record(&tune, s, tensor, tensor, tensor, low, low).Program.Source()
		require.NoError(t, err)
		enabled := enables(t, text, "f16")
		require.Equal(t, enabled, strings.Contains(text, "array<vec4<f16>>"))
		return enabled
	}
	with, without := DefaultTune(gpu.Info{ShaderF16: true}), DefaultTune(gpu.Info{})
	for _, v := range linearVariants {
		with.Linear, without.Linear = v, v
		for _, rank := range []int{0, 8} {
			require.True(t, uses(with, F16, LinearForward, rank), v)
			require.True(t, uses(with, F16, LinearInputGrad, rank), v)
			require.False(t, uses(without, F16, LinearForward, rank), v)
			for _, f := range []Format{F32, Q8, Q4} {
				require.False(t, uses(with, f, LinearForward, rank), v)
			}
		}
	}
}

// enables tells whether a module enables an extension before all declarations, as WGSL requires.
func enables(t *testing.T, text, extension string) bool {
	declared, enabled := false, false
	for _, line := range strings.Split(text, "\n") {
		switch {
		case line == "enable "+extension+";":
			require.False(t, declared, "enable after a declaration")
			enabled = true
		case line != "" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "enable "):
			declared = true
		}
	}
	return enabled
}
