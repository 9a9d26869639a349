//go:build !wasm

package kerneltest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels/kerneltest"
	"nextquill/native/nativetest"
)

// TestCases runs every line of the case files on native wgpu.
func TestCases(t *testing.T) {
	g := nativetest.Open(t, nil)
	cases, err := kerneltest.Cases()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, spec := range cases {
		seen[spec.Kernel] = true
		t.Run(spec.String(), func(t *testing.T) {
			res, err := kerneltest.RunCase(context.Background(), g, spec)
			require.NoError(t, err)
			require.Empty(t, res.Message)
		})
	}
	for _, name := range kerneltest.Runners() {
		require.True(t, seen[name], "kernel %s has no case", name)
	}
}
