package host_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
	"nextquill/wasm/conformance"
	"nextquill/wasm/guest/guesttest"
	"nextquill/wasm/host"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// config has the guest that ships.
func config(t *testing.T) host.Config { return configOf(t, guesttest.Ships(t)) }

// testConfig has the test guest, which knows the suites.
func testConfig(t *testing.T) host.Config { return configOf(t, guesttest.Test(t)) }

func configOf(t *testing.T, wasm []byte) host.Config {
	return host.NewConfig().WithGuest(wasm).WithLog(&testLog{t: t})
}

type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Logf("guest: %s", p)
	return len(p), nil
}

func open(t *testing.T, c host.Config) *host.Host {
	t.Helper()
	h, err := host.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

// TestImports pins what the guests can reach: this list is the privacy claim.
func TestImports(t *testing.T) {
	t.Run("ships", func(t *testing.T) { requireImports(t, guesttest.Ships(t)) })
	t.Run("test guest", func(t *testing.T) { requireImports(t, guesttest.Test(t)) })
}

func requireImports(t *testing.T, wasm []byte) {
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	m, err := r.CompileModule(t.Context(), wasm)
	require.NoError(t, err)
	var got, exports []string
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		got = append(got, module+" "+name)
	}
	slices.Sort(got)
	require.Equal(t, []string{
		"nextquill blob_delete",
		"nextquill blob_list",
		"nextquill blob_read",
		"nextquill blob_size",
		"nextquill blob_to_gpu",
		"nextquill blob_write",
		"nextquill emit",
		"nextquill gpu_info",
		"nextquill gpu_read",
		"nextquill gpu_submit",
		"nextquill gpu_wait",
		"nextquill reply_read",
		"nextquill respond",
		"nextquill yield",
		"wasi_snapshot_preview1 args_get",
		"wasi_snapshot_preview1 args_sizes_get",
		"wasi_snapshot_preview1 clock_time_get",
		"wasi_snapshot_preview1 environ_get",
		"wasi_snapshot_preview1 environ_sizes_get",
		"wasi_snapshot_preview1 fd_close",
		"wasi_snapshot_preview1 fd_fdstat_get",
		"wasi_snapshot_preview1 fd_fdstat_set_flags",
		"wasi_snapshot_preview1 fd_prestat_dir_name",
		"wasi_snapshot_preview1 fd_prestat_get",
		"wasi_snapshot_preview1 fd_read",
		"wasi_snapshot_preview1 fd_write",
		"wasi_snapshot_preview1 poll_oneoff",
		"wasi_snapshot_preview1 proc_exit",
		"wasi_snapshot_preview1 random_get",
		"wasi_snapshot_preview1 sched_yield",
	}, slices.Compact(got))
	for name := range m.ExportedFunctions() {
		exports = append(exports, name)
	}
	slices.Sort(exports)
	require.Equal(t, []string{"_initialize", "alloc", "call", "cancel", "free", "resume", "start"}, exports)
	require.Empty(t, m.ImportedMemories())
	require.Len(t, abi.Imports, 14)
}

func TestConformance(t *testing.T) {
	h := open(t, testConfig(t))
	var report conformance.Report
	var events int
	params := conformance.Params{RoundTrips: 10_000}
	err := h.Call(t.Context(), "conformance", params, &report, func(name string, raw json.RawMessage) {
		if name == "conformance" {
			events++
		}
	})
	require.NoError(t, err)
	for _, c := range report.Cases {
		t.Run(c.Case, func(t *testing.T) { require.Empty(t, c.Message) })
	}
	require.Equal(t, len(report.Cases), events)
	require.Greater(t, events, 25)
	requireNothingLeft(t, h)
}

// TestConformanceInProcess runs the suite without WASM: native and a Store behave as the suite
// expects of a host.
func TestConformanceInProcess(t *testing.T) {
	store := &blob.Mem{}
	dev := openNative(t, store)
	var report conformance.Report
	e := engine.New(engine.Host{GPU: gpu.NewContext(dev), Blobs: store})
	client := rpc.Local(e.NewServer(conformance.Methods(e)))
	require.NoError(t, client.Call(t.Context(), "conformance", nil, &report, nil))
	for _, c := range report.Cases {
		require.Empty(t, c.Message, c.Case)
	}
}

func TestKernelCases(t *testing.T) {
	h := open(t, testConfig(t))
	var sum api.KernelCasesResult
	var failed []api.KernelCaseEvent
	err := h.Call(t.Context(), "kernel-cases", nil, &sum, func(_ string, raw json.RawMessage) {
		var e api.KernelCaseEvent
		require.NoError(t, json.Unmarshal(raw, &e))
		if e.Message != "" {
			failed = append(failed, e)
		}
	})
	require.NoError(t, err)
	require.Empty(t, failed)
	require.Positive(t, sum.Passed)
	require.Zero(t, sum.LiveBuffers)
	requireNothingLeft(t, h)
}

// requireNothingLeft releases the caches and counts what is left.
func requireNothingLeft(t *testing.T, h *host.Host) {
	t.Helper()
	var left api.ReleaseResult
	require.NoError(t, h.Call(t.Context(), "release", nil, &left, nil))
	require.Empty(t, left.Leaked)
	require.Zero(t, h.LiveBuffers())
}

func TestEcho(t *testing.T) {
	h := open(t, config(t))
	params := map[string]any{"text": "é\x00\U0001F58B", "list": []any{1.5, nil, true}}
	var got map[string]any
	require.NoError(t, h.Call(t.Context(), "echo", params, &got, nil))
	require.Equal(t, params, got)
	require.ErrorIs(t, h.Call(t.Context(), "echo", make([]byte, abi.MaxMessage), nil, nil), fault.TooLarge)
	require.ErrorIs(t, h.Call(t.Context(), "no such method", nil, nil, nil), fault.Unsupported)
}
