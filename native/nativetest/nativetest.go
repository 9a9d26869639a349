//go:build !wasm

// Package nativetest opens a real device for tests of the core.
package nativetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/native"
)

// Open returns a context on this machine's GPU. It loads blobs from store, which may be nil. The
// test fails without a GPU driver, or if buffers are left on the device at its end.
func Open(t testing.TB, store blob.Store) *gpu.Context {
	t.Helper()
	dev, err := native.Open(store)
	require.NoError(t, err)
	g := gpu.NewContext(dev)
	t.Cleanup(func() {
		require.Zero(t, g.LiveBuffers(), "buffers left behind")
		leaked, err := g.Close()
		require.NoError(t, err)
		require.Empty(t, leaked)
		require.Zero(t, dev.LiveBuffers())
		dev.Close()
	})
	return g
}
