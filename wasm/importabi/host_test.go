package importabi_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"nextquill/wasm/guest/guesttest"
	"nextquill/wasm/importabi"
)

// compiled keeps the compiled module for the next test.
var compiled = wazero.NewCompilationCache()

// content is a file of a test.
type content struct {
	name string
	data []byte
}

// answer is what the module emitted for a request.
type answer struct {
	items  []importabi.ImportedItem
	result importabi.ImportResult
	ended  bool
}

func (a *answer) take(t testing.TB, message []byte) {
	t.Helper()
	require.False(t, a.ended, "a message after the result")
	var m importabi.ImportMessage
	require.NoError(t, json.Unmarshal(message, &m))
	a.items = append(a.items, m.Items...)
	if m.Result != nil {
		a.result, a.ended = *m.Result, true
	}
}

// module is a running import module. Its host keeps to the interface.
type module struct {
	t      testing.TB
	m      api.Module
	files  []content
	answer *answer
	reads  []int  // sizes
	broken string // file that cannot be read
}

func openModule(t testing.TB) *module {
	t.Helper()
	wasm, err := guesttest.LoadImport()
	require.NoError(t, err)
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCompilationCache(compiled))
	t.Cleanup(func() { require.NoError(t, r.Close(context.Background())) })
	wasi_snapshot_preview1.MustInstantiate(t.Context(), r)
	h := &module{t: t}
	_, err = r.NewHostModuleBuilder(importabi.Module).
		NewFunctionBuilder().WithFunc(h.read).Export("read").
		NewFunctionBuilder().WithFunc(h.emit).Export("emit").Instantiate(t.Context())
	require.NoError(t, err)
	config := wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStderr(os.Stderr).
		WithSysWalltime().WithSysNanotime()
	h.m, err = r.InstantiateWithConfig(t.Context(), wasm, config)
	require.NoError(t, err)
	return h
}

func (h *module) read(_ context.Context, m api.Module, file uint32, offset int64, at, size uint32) int32 {
	require.LessOrEqual(h.t, size, uint32(importabi.MaxRead))
	f := h.files[file]
	if f.name == h.broken {
		return importabi.Failed
	}
	h.reads = append(h.reads, int(size))
	part := f.data[min(int(offset), len(f.data)):]
	part = part[:min(len(part), int(size))]
	require.True(h.t, m.Memory().Write(at, part))
	return int32(len(part))
}

func (h *module) emit(_ context.Context, m api.Module, at, size uint32) int32 {
	require.LessOrEqual(h.t, size, uint32(importabi.MaxMessage))
	message, ok := m.Memory().Read(at, size)
	require.True(h.t, ok)
	h.answer.take(h.t, message)
	return 0
}

func (h *module) export(name string, args ...uint64) uint64 {
	h.t.Helper()
	out, err := h.m.ExportedFunction(name).Call(h.t.Context(), args...)
	require.NoError(h.t, err)
	return out[0]
}

func (h *module) start() *module {
	require.EqualValues(h.t, importabi.Version, h.export("start", importabi.Version))
	return h
}

// request sends a request and returns the status of call, with the answer.
func (h *module) request(raw []byte) (int32, answer) {
	h.t.Helper()
	h.answer = &answer{}
	p := h.export("alloc", uint64(len(raw)))
	require.NotZero(h.t, p)
	require.True(h.t, h.m.Memory().Write(uint32(p), raw))
	return int32(h.export("call", p, uint64(len(raw)))), *h.answer
}

// importFiles reads files, as a page does.
func (h *module) importFiles(files []content, r importabi.ImportRequest) answer {
	h.t.Helper()
	h.files = files
	r.Method = importabi.MethodRead
	for _, f := range files {
		r.Files = append(r.Files, importabi.FileInfo{Name: f.name, Size: int64(len(f.data)), Modified: 1715947200000})
	}
	return h.ask(r)
}

func (h *module) ask(r importabi.ImportRequest) answer {
	h.t.Helper()
	raw, err := json.Marshal(r)
	require.NoError(h.t, err)
	status, a := h.request(raw)
	require.Zero(h.t, status)
	require.True(h.t, a.ended)
	require.Len(h.t, a.items, a.result.Texts)
	return a
}

func (a answer) texts() (out []string) {
	for _, it := range a.items {
		out = append(out, it.Text)
	}
	return out
}

// TestImports pins what the import module can reach: parts of the files that the page names, and no
// network. This list is the privacy claim.
func TestImports(t *testing.T) {
	wasm, err := guesttest.LoadImport()
	require.NoError(t, err)
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
		"nextquill_import emit",
		"nextquill_import read",
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
	require.Equal(t, []string{"_initialize", "alloc", "call", "start"}, exports)
	require.Empty(t, m.ImportedMemories())
}

// local is a host without WASM, for the same Session as in the module.
type local struct {
	t      testing.TB
	files  []content
	answer answer
}

func (l *local) ReadAt(file int, p []byte, offset int64) (int, error) {
	if offset >= int64(len(l.files[file].data)) {
		return 0, io.EOF
	}
	n := copy(p, l.files[file].data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (l *local) Emit(message []byte) error {
	l.answer.take(l.t, message)
	return nil
}
