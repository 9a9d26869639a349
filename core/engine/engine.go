package engine

import (
	"context"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/model"
	"nextquill/core/rpc"
)

// Host lists everything that an engine can use: no network, no files.
type Host struct {
	GPU   *gpu.Context
	Blobs blob.Store
	// Clock is the time that events and files contain; nil means time.Now.
	Clock func() time.Time
	// Yield lets the host process pending work: a cancellation, or other tasks of a browser's
	// worker. It may be nil.
	Yield func(ctx context.Context) error
}

// Engine is a host with the state that outlives a call. New makes one. It must not be copied.
type Engine struct {
	Host
	resident *resident
	tunes    tuneCache
}

// New makes an engine for a host.
func New(h Host) *Engine { return &Engine{Host: h} }

// Env is an engine during one call.
type Env struct {
	*Engine
	// Emit hands the caller an event: a struct whose JSON has a field "event". An error means that
	// the caller is gone, and ends the method.
	Emit func(event any) error
	// decode and decodeWith are the arguments of ExpectDecode.
	decode     *model.DecodeSpec
	decodeWith string
}

// ExpectDecode announces that the call will generate text. adapter is a folder, or "" for none. If
// the call then loads the model on a device with CompilesInBackground, the kernels of the decoder
// compile while the weights load. Those of a datastore do not.
func (env *Env) ExpectDecode(spec *model.DecodeSpec, adapter string) {
	env.decode, env.decodeWith = spec, adapter
}

// Env returns the engine for a call whose events go to emit.
func (e *Engine) Env(emit func(event any) error) *Env { return &Env{Engine: e, Emit: emit} }

// Now is the time by the host's clock.
func (e *Engine) Now() time.Time {
	if e.Clock == nil {
		return time.Now()
	}
	return e.Clock()
}

// Pause yields to the host, and returns fault.Cancelled if ctx is done afterwards. A method that
// computes for long without reading from the device or from a blob calls it every few tens of
// milliseconds: a guest in a worker receives a cancellation only while it waits.
func (e *Engine) Pause(ctx context.Context) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	if e.Yield != nil {
		if err := e.Yield(ctx); err != nil {
			return err
		}
	}
	return blob.Cancelled(ctx)
}

// Recover makes the device usable again after a method failed with err. A device drops the rest of
// a batch that fails, and may report the failure late, so that caches refer to objects that were
// never created. After a fault of the device or a panic, Recover therefore releases everything on
// it.
func (e *Engine) Recover(err error) {
	switch fault.KindOf(err) {
	case fault.Device, fault.DeviceLimit, fault.DeviceLost, fault.Internal:
		if e.GPU != nil {
			e.ReleaseModel()
			_ = e.GPU.Flush() // first, because a failure of queued commands would drop the releases, too
			_, _ = e.GPU.Close()
		}
	}
}

// Handler implements a method on an engine.
type Handler func(ctx context.Context, env *Env, c *rpc.Call) (any, error)

// Method returns the method with this name. It calls h with e and the events of the call.
func (e *Engine) Method(name string, h Handler) rpc.Method {
	return rpc.Method{Name: name, Handler: func(ctx context.Context, c *rpc.Call) (any, error) {
		env := e.Env(c.Emit)
		defer env.watchCompile(ctx)()
		return h(ctx, env, c)
	}}
}

// NewServer returns a server of these methods. After a failed call it calls Recover.
func (e *Engine) NewServer(methods ...[]rpc.Method) *rpc.Server {
	return rpc.NewServer(e.Recover, methods...)
}
