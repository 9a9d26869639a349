//go:build !wasm

// Package nativetest gives tests of the core a real device.
package nativetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/native"
)

// Open returns a context on this machine's adapter; store, which may be nil, is
// what it loads blobs from. Without an adapter the test fails. At the test's end
// nothing may be left on the device.
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
