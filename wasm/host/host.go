// Package host runs the guest headless: WASM under wazero, the GPU through native, blobs from any
// store. It is an api.Client.
package host

import (
	"context"
	"crypto/rand"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	coreapi "nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/native"
	"nextquill/wasm/abi"
)

// Host is a running guest. Its methods may be called from any goroutine; calls run one after the
// other.
type Host struct {
	device gpu.Device
	owned  *native.Device // device, if Open opened it
	blobs  blob.Store

	cache   wazero.CompilationCache
	runtime wazero.Runtime
	guest   guest
	stderr  *lines

	turn   chan struct{} // holds one token: who takes it may use the fields below
	closed bool
	broken error // why the guest cannot continue
	call   callState
	batch  gpu.Batch
}

var _ coreapi.Client = (*Host)(nil)

// guest has the memory and the exports of the instance.
type guest struct {
	memory                                   api.Memory
	start, alloc, free, call, resume, cancel api.Function
}

// Open starts a guest. The caller closes the host. Open returns a fault if the configuration has no
// guest (Missing), if the module is invalid (Malformed), imports anything outside of wasm/abi
// (Unsupported) or does not match this host (Mismatch), or if there is no GPU (NoAdapter).
func Open(ctx context.Context, c Config) (_ *Host, err error) {
	h := &Host{device: c.device, blobs: c.blobs, stderr: &lines{to: c.log}, turn: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			h.release()
		}
	}()
	if len(c.guest) == 0 {
		return nil, fault.New(fault.Missing, "guest", "", "the configuration has no guest").
			WithRemedy("read one with LoadGuest and pass it to WithGuest")
	}
	if h.device == nil {
		if h.owned, err = native.Open(c.blobs); err != nil {
			return nil, err
		}
		h.device = h.owned
	}
	if err := h.instantiate(ctx, c); err != nil {
		return nil, err
	}
	version, err := h.invoke(h.guest.start, abi.Version)
	if err != nil {
		return nil, err
	}
	if uint32(version) != abi.Version {
		return nil, fault.New(fault.Mismatch, "guest", "ABI version", "%d", uint32(version)).
			WithLimit("%d", abi.Version).
			WithRemedy("build the guest from the same source: go run ./cmd/buildwasm")
	}
	h.turn <- struct{}{}
	return h, nil
}

func (h *Host) instantiate(ctx context.Context, c Config) error {
	compiled, err := h.compile(ctx, c)
	if err != nil && h.cache != nil {
		// A damaged cache entry or a full disk must not prevent a start.
		h.closeRuntime(ctx)
		compiled, err = h.compile(ctx, c.WithCacheDir(""))
	}
	if err != nil {
		return fault.New(fault.Malformed, "guest", "", "not a WASM module that wazero accepts").WithCause(err).
			WithRemedy("build it again: go run ./cmd/buildwasm")
	}
	if err := h.provideImports(ctx); err != nil {
		return err
	}
	if err := checkModule(compiled); err != nil {
		return err
	}
	m, err := h.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().
		WithName("guest").WithStartFunctions("_initialize").
		WithStdout(h.stderr).WithStderr(h.stderr).
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader))
	if err != nil {
		return h.trapped("starting", err)
	}
	h.guest = guest{
		memory: m.Memory(),
		start:  m.ExportedFunction("start"), alloc: m.ExportedFunction("alloc"), free: m.ExportedFunction("free"),
		call: m.ExportedFunction("call"), resume: m.ExportedFunction("resume"), cancel: m.ExportedFunction("cancel"),
	}
	return nil
}

// compile creates the runtime and compiles the guest.
func (h *Host) compile(ctx context.Context, c Config) (wazero.CompiledModule, error) {
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(uint32(min(max(c.memory>>16, 1), 1<<16)))
	if h.cache = openCache(c.cacheDir); h.cache != nil {
		config = config.WithCompilationCache(h.cache)
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	return h.runtime.CompileModule(parallel(ctx), c.guest)
}

func (h *Host) closeRuntime(ctx context.Context) error {
	var err error
	if h.runtime != nil {
		err = h.runtime.Close(ctx)
	}
	if h.cache != nil {
		_ = h.cache.Close(ctx)
	}
	h.runtime, h.cache = nil, nil
	return err
}

// LiveBuffers returns the number of buffers on the device, or -1 if the device does not count them.
func (h *Host) LiveBuffers() int {
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	if d, ok := h.device.(interface{ LiveBuffers() int }); ok {
		return d.LiveBuffers()
	}
	return -1
}

// Close waits for the running call and frees everything.
func (h *Host) Close() error {
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	if h.closed {
		return nil
	}
	h.closed = true
	return h.release()
}

func (h *Host) release() error {
	err := h.closeRuntime(context.Background())
	if h.owned != nil {
		h.owned.Close()
	}
	return err
}
