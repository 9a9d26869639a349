//go:build !wasm

package kernels_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/native"
)

// TestCases runs every line of the case files on native wgpu.
func TestCases(t *testing.T) {
	dev, err := native.Open(nil)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	cases, err := kernels.Cases()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, spec := range cases {
		seen[spec.Kernel] = true
		t.Run(spec.String(), func(t *testing.T) {
			res, err := kernels.RunCase(context.Background(), g, spec)
			require.NoError(t, err)
			require.Empty(t, res.Message)
		})
	}
	for _, name := range kernels.Runners() {
		require.True(t, seen[name], "kernel %s has no case", name)
	}
	require.Zero(t, g.LiveBuffers())
	leaked, err := g.Close()
	require.NoError(t, err)
	require.Empty(t, leaked)
	require.Zero(t, dev.LiveBuffers())
}
