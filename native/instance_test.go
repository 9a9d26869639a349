package native_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/native"
)

// TestDevicesOneAfterAnother opens many devices: wgpu.CreateInstance aborts the process at the
// second.
func TestDevicesOneAfterAnother(t *testing.T) {
	for range 10 {
		d, err := native.Open(nil)
		require.NoError(t, err)
		c := gpu.NewContext(d)
		b := c.NewBuffer("b", 16, gpu.Storage)
		c.WriteU32(b, 0, []uint32{7})
		got := make([]byte, 4)
		require.NoError(t, c.Read(t.Context(), b, 0, got))
		require.Equal(t, "\x07\x00\x00\x00", string(got))
		require.Equal(t, 1, d.LiveBuffers())
		d.Close()
	}
}
