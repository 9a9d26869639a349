//go:build wasip1

// The guest: core/ compiled to WASM as a WASI reactor. One file runs in a
// browser's worker and under wazero; its imports (wasm/abi) are all that it can
// reach. Build it with `go run ./cmd/buildwasm`.
package main

import (
	"context"
	"unsafe"

	"nextquill/core/session"
	"nextquill/wasm/abi"
	"nextquill/wasm/conformance"
)

// main never runs: a host calls the exports.
func main() {}

func init() { conformance.Register() }

// env is what methods see; nil until start.
var env *session.Env

//go:wasmexport start
func start(hostVersion uint32) uint32 {
	if hostVersion == abi.Version && env == nil {
		env = newEnv()
	}
	return abi.Version
}

// allocated keeps the memory that alloc handed out from the collector.
var allocated = map[unsafe.Pointer][]byte{}

// alloc returns memory for a request, or 0 when size is out of bounds.
//
//go:wasmexport alloc
func alloc(size uint32) unsafe.Pointer {
	if size == 0 || size > abi.MaxMessage {
		return nil
	}
	b := make([]byte, size)
	p := unsafe.Pointer(&b[0])
	allocated[p] = b
	return p
}

// free gives memory from alloc back that was not passed to call.
//
//go:wasmexport free
func free(p unsafe.Pointer) { delete(allocated, p) }

// call starts serving a request and takes over its memory.
//
//go:wasmexport call
func call(p unsafe.Pointer, size uint32) int32 {
	request, ok := allocated[p]
	switch {
	case env == nil:
		return int32(abi.BadVersion)
	case running != nil:
		return int32(abi.Busy)
	case !ok || uint64(size) > uint64(len(request)):
		return int32(abi.BadRequest)
	}
	delete(allocated, p)
	running = begin(func(ctx context.Context) {
		respondWith(session.Serve(ctx, env, request[:size]))
	})
	return int32(proceed())
}

// resume reports the outcome of the operation that the call is parked on.
//
//go:wasmexport resume
func resume(token uint32, status int32) int32 {
	if running == nil || running.token != token || token == 0 {
		return int32(abi.BadToken)
	}
	running.status = abi.Status(status)
	return int32(proceed())
}

// cancel asks the call being served to stop. What it is parked on must still be
// resumed.
//
//go:wasmexport cancel
func cancel() {
	if running != nil {
		running.cancel()
	}
}

// proceed runs the call until it parks or is done.
func proceed() abi.State {
	if running.next() {
		return abi.Parked
	}
	running.cancel()
	running = nil
	return abi.Done
}
