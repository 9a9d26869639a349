//go:build wasip1

package guestmain

import (
	"context"
	"runtime"
	"time"
	"unsafe"

	"nextquill/core/engine"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
)

// guest is the state of the module. The exports have no other place for it: a host calls them by
// name.
var guest struct {
	methods []func(*engine.Engine) []rpc.Method
	server  *rpc.Server // nil until start
	running *coroutine  // the call being served, or nil
	// allocated keeps the memory that alloc returned from the garbage collector.
	allocated map[unsafe.Pointer][]byte
	lastToken uint32
	heap      uint64 // bytes of the heap after the last collection between calls
}

// Serve sets the methods of the guest. The init function of the main package calls it, because a
// host never runs main.
func Serve(methods ...func(*engine.Engine) []rpc.Method) { guest.methods = methods }

// start checks the host's version of the ABI, and returns the guest's.
//
//go:wasmexport start
func start(hostVersion uint32) uint32 {
	if hostVersion == abi.Version && guest.server == nil {
		e := engine.New(engine.Host{GPU: gpu.NewContext(&device{}), Blobs: blobs{}, Clock: time.Now, Yield: yield})
		var methods [][]rpc.Method
		for _, of := range guest.methods {
			methods = append(methods, of(e))
		}
		guest.server = e.NewServer(methods...)
	}
	return abi.Version
}

// alloc returns memory for a request, or 0 if size is out of range.
//
//go:wasmexport alloc
func alloc(size uint32) unsafe.Pointer {
	if size == 0 || size > abi.MaxMessage {
		return nil
	}
	if guest.allocated == nil {
		guest.allocated = map[unsafe.Pointer][]byte{}
	}
	b := make([]byte, size)
	p := unsafe.Pointer(&b[0])
	guest.allocated[p] = b
	return p
}

// free releases memory from alloc that was not passed to call.
//
//go:wasmexport free
func free(p unsafe.Pointer) { delete(guest.allocated, p) }

// call starts to serve a request and takes over its memory.
//
//go:wasmexport call
func call(p unsafe.Pointer, size uint32) int32 {
	request, ok := guest.allocated[p]
	switch {
	case guest.server == nil:
		return int32(abi.BadVersion)
	case guest.running != nil:
		return int32(abi.Busy)
	case !ok || uint64(size) > uint64(len(request)):
		return int32(abi.BadRequest)
	}
	delete(guest.allocated, p)
	guest.running = begin(func(ctx context.Context) {
		respondWith(guest.server.Serve(ctx, emitEvent, request[:size]))
	})
	return int32(proceed())
}

// resume reports the outcome of the operation that the call waits for.
//
//go:wasmexport resume
func resume(token uint32, status int32) int32 {
	c := guest.running
	if c == nil || c.token != token || token == 0 {
		return int32(abi.BadToken)
	}
	c.status = abi.Status(status)
	return int32(proceed())
}

// cancel asks the call being served to stop. The operation that it waits for must still be resumed.
//
//go:wasmexport cancel
func cancel() {
	if guest.running != nil {
		guest.running.cancel()
	}
}

// proceed runs the call until it parks or is done.
func proceed() abi.State {
	if guest.running.next() {
		return abi.Parked
	}
	guest.running.cancel()
	guest.running = nil
	collect()
	return abi.Done
}

// maxGarbage is the growth of the heap since the last collection between calls, in bytes, above
// which the guest collects garbage.
const maxGarbage = 32 << 20

// collect frees large buffers of the call that has ended, such as those of checkpoints. Otherwise
// the next call allocates new buffers before Go's runtime frees the old ones, because the runtime
// lets the heap double first. WASM memory does not shrink.
func collect() {
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > guest.heap+maxGarbage {
		runtime.GC()
		runtime.ReadMemStats(&m)
		guest.heap = m.HeapAlloc
	}
}
