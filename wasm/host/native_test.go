package host_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/native"
)

func openNative(t testing.TB, store blob.Store) *native.Device {
	t.Helper()
	dev, err := native.Open(store)
	require.NoError(t, err)
	t.Cleanup(dev.Close)
	return dev
}
