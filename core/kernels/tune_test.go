//go:build !wasm

package kernels_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/native"
)

// A host keeps a Tune as JSON. The Tune that it reads back must select the same kernels.
func TestTuneJSON(t *testing.T) {
	for _, info := range []gpu.Info{
		{Name: "llvmpipe (LLVM 15.0.6, 256 bits)", CPU: true},
		{Name: "SwiftShader Device (LLVM 10.0.0)", CPU: true},
		{Name: "Apple M2"},
	} {
		want := kernels.DefaultTune(info)
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		var got kernels.Tune
		require.NoError(t, json.Unmarshal(raw, &got))
		require.Equal(t, want, got)
	}
	require.NotEqual(t, kernels.DefaultTune(gpu.Info{CPU: true}).Linear, kernels.DefaultTune(gpu.Info{}).Linear)
}

func TestMeasureTune(t *testing.T) {
	dev, err := native.Open(nil)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	tune, err := kernels.MeasureTune(context.Background(), g)
	require.NoError(t, err)
	require.Contains(t, kernels.LinearVariants(g.Info()), tune.Linear)
	require.Zero(t, g.LiveBuffers())

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = kernels.MeasureTune(cancelled, g)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, g.LiveBuffers(), "a measurement that fails frees its buffers")
}
