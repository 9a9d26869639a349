//go:build wasip1

// The import module: package importer compiled to WASM, which reads the files of a person in a
// browser's worker. It has no network and no file system; wasm/importabi defines what it imports.
// Build it with `go run ./cmd/buildwasm`.
package main

import (
	"io"
	"runtime"
	"unsafe"

	"nextquill/core/fault"
	"nextquill/importer"
	"nextquill/wasm/importabi"
)

//go:wasmimport nextquill_import read
func read(file uint32, offset int64, dst unsafe.Pointer, size uint32) int32

//go:wasmimport nextquill_import emit
func emit(message unsafe.Pointer, size uint32) int32

// module is the state of the instance. The exports have no other place for it.
var module struct {
	session *importabi.Session // nil until start
	request []byte             // from alloc, until call
}

// start checks the host's version, and returns the module's.
//
//go:wasmexport start
func start(hostVersion uint32) uint32 {
	if hostVersion == importabi.Version {
		module.session = importabi.NewSession(host{}, importer.Limits{})
	}
	return importabi.Version
}

// alloc returns memory for a request, or 0 if size is out of range. It replaces what an earlier
// call returned.
//
//go:wasmexport alloc
func alloc(size uint32) unsafe.Pointer {
	module.request = nil
	if size == 0 || size > importabi.MaxRequest {
		return nil
	}
	module.request = make([]byte, size)
	return unsafe.Pointer(&module.request[0])
}

// call serves a request.
//
//go:wasmexport call
func call(p unsafe.Pointer, size uint32) int32 {
	request := module.request
	module.request = nil
	if module.session == nil || len(request) == 0 || p != unsafe.Pointer(&request[0]) ||
		uint64(size) > uint64(len(request)) {
		return importabi.Failed
	}
	if err := module.session.Serve(request[:size]); err != nil {
		return importabi.Failed
	}
	return 0
}

// host implements importabi.Host with the imports.
type host struct{}

// ReadAt implements importabi.Host.
func (host) ReadAt(file int, p []byte, offset int64) (int, error) {
	total := 0
	for total < len(p) {
		part := p[total:min(len(p), total+importabi.MaxRead)]
		n := read(uint32(file), offset+int64(total), unsafe.Pointer(unsafe.SliceData(part)), uint32(len(part)))
		runtime.KeepAlive(part)
		if n < 0 || int(n) > len(part) {
			return total, fault.New(fault.Storage, "", "", "the browser cannot read it")
		}
		total += int(n)
		if int(n) < len(part) {
			return total, io.EOF
		}
	}
	return total, nil
}

// Emit implements importabi.Host.
func (host) Emit(message []byte) error {
	status := emit(unsafe.Pointer(unsafe.SliceData(message)), uint32(len(message)))
	runtime.KeepAlive(message)
	if status < 0 {
		return fault.New(fault.Internal, "host", "emit", "refused a message")
	}
	return nil
}

// main never runs: a host calls the exports.
func main() {}
