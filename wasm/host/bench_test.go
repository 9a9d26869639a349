package host_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/conformance"
	"nextquill/wasm/guest/guesttest"
	"nextquill/wasm/host"
)

func benchHost(b *testing.B, wasm []byte) *host.Host {
	h, err := host.Open(b.Context(), host.NewConfig().WithGuest(wasm).WithLog(io.Discard))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, h.Close()) })
	return h
}

// BenchmarkCall is a complete call of the smallest method.
func BenchmarkCall(b *testing.B) {
	h := benchHost(b, guesttest.Ships(b))
	for b.Loop() {
		require.NoError(b, h.Call(b.Context(), "echo", 1, nil, nil))
	}
}

// BenchmarkPark is a round trip: the guest parks, the host resumes it.
func BenchmarkPark(b *testing.B) { roundTrips(b, "host: yields") }

// BenchmarkWriteAndRead is a round trip that writes and reads a word on the GPU.
func BenchmarkWriteAndRead(b *testing.B) { roundTrips(b, "gpu: round trips") }

func roundTrips(b *testing.B, filter string) {
	h := benchHost(b, guesttest.Test(b))
	b.ResetTimer()
	params := conformance.Params{Filter: filter, RoundTrips: b.N}
	require.NoError(b, h.Call(b.Context(), "conformance", params, nil, nil))
}

// BenchmarkOpen starts a guest whose code is in the cache, BenchmarkCompile one that must be
// compiled.
func BenchmarkOpen(b *testing.B) { benchOpen(b, host.NewConfig().WithDevice(openNative(b, nil))) }

func BenchmarkCompile(b *testing.B) {
	benchOpen(b, host.NewConfig().WithDevice(openNative(b, nil)).WithCacheDir(""))
}

func benchOpen(b *testing.B, c host.Config) {
	c = c.WithGuest(guesttest.Ships(b)).WithLog(io.Discard)
	for b.Loop() {
		h, err := host.Open(b.Context(), c)
		require.NoError(b, err)
		require.NoError(b, h.Close())
	}
}
