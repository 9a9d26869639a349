// Package abi defines the interface between the guest (core/ compiled to WASM) and a host: names,
// signatures, status codes, and the encoding of command batches. Guest and Go host both import it.
// README.md describes the same for hosts in other languages.
package abi

// Version is compared when a host starts a guest. It changes whenever one side would misread the
// other.
const Version = 2

// Module is the import module that a host provides.
const Module = "nextquill"

// WASIModule is the only other import module. A guest may import the functions in WASI from it.
const WASIModule = "wasi_snapshot_preview1"

// State is what call and resume return.
type State int32

// States of a call. A negative value is a Status and means that the export did nothing.
const (
	// Done: the guest has passed its response to the import respond.
	Done State = 0
	// Parked: the guest waits for the outcome of its last asynchronous import.
	Parked State = 1
)

// Status is the outcome of an import, or of the operation that resume reports. 0 or more is
// success; if the operation has a reply, it is the length of the reply.
type Status int32

const (
	// OK is success without a reply.
	OK Status = 0
	// Failed means that the reply is an ErrorInfo in JSON.
	Failed Status = -1
	// Busy: call was used while another call is running.
	Busy Status = -2
	// BadVersion: start was not called, or was called with another version.
	BadVersion Status = -3
	// BadToken: resume was called with a token that no operation has.
	BadToken Status = -4
	// BadRequest: call was used with memory that alloc did not return.
	BadRequest Status = -5
)

// String describes the status.
func (s Status) String() string {
	switch {
	case s >= 0:
		return "ok"
	case s == Failed:
		return "failed"
	case s == Busy:
		return "busy with another call"
	case s == BadVersion:
		return "not started, or started with another ABI version"
	case s == BadToken:
		return "nothing waits for this token"
	case s == BadRequest:
		return "the request is not in memory from alloc"
	}
	return "unknown status"
}

// Limits for both sides, in bytes if nothing else is said.
const (
	// MaxBatch limits an encoded batch. The guest splits longer ones.
	MaxBatch = 8 << 20
	// MaxCommands limits the number of commands of a batch: a decoded command takes far more memory
	// than its encoding, which may have only 8 bytes.
	MaxCommands = 1 << 16
	// MaxMessage limits a request, a response, an event and a reply.
	MaxMessage = 32 << 20
	// MaxNameArg limits the bytes that a host reads for the name or prefix of a blob. It exceeds
	// blob.MaxName, the limit of a valid name, so that a longer name gets that fault.
	MaxNameArg = 4 << 10
)

// Value is a WASM value type.
type Value string

// The types in use. An i32 is unsigned if it is a pointer, a length, a handle or a token, and
// signed if it is a State or a Status.
const (
	I32 Value = "i32"
	I64 Value = "i64"
)

// Func is the signature of an import or export.
type Func struct {
	Name    string
	Params  []Value
	Results []Value
	// Async marks an import whose last parameter is a token: it returns at once, and the host
	// reports the outcome with resume.
	Async bool
}

var status = []Value{I32}

// Imports are the functions that a host provides in Module. A guest has no other way to reach the
// outside, except for WASI.
var Imports = []Func{
	{Name: "gpu_info", Results: status},
	{Name: "gpu_submit", Params: []Value{I32, I32}, Results: status},            // ptr, len
	{Name: "gpu_wait", Params: []Value{I32, I32}, Results: status, Async: true}, // unfinished, token
	// buffer, offset, ptr, len, token
	{Name: "gpu_read", Params: []Value{I32, I64, I32, I32, I32}, Results: status, Async: true},
	{Name: "blob_size", Params: []Value{I32, I32, I32}, Results: status, Async: true}, // name, len, token
	{Name: "blob_read", Params: []Value{I32, I32, I64, I32, I32, I32}, Results: status, Async: true},
	{Name: "blob_write", Params: []Value{I32, I32, I32, I32, I32}, Results: status, Async: true},
	{Name: "blob_delete", Params: []Value{I32, I32, I32}, Results: status, Async: true},
	{Name: "blob_list", Params: []Value{I32, I32, I32}, Results: status, Async: true},
	{Name: "blob_to_gpu", Params: []Value{I32, I32, I64, I64, I32, I64, I32}, Results: status, Async: true},
	{Name: "yield", Params: []Value{I32}, Results: status, Async: true},
	{Name: "emit", Params: []Value{I32, I32}, Results: status},
	{Name: "respond", Params: []Value{I32, I32}, Results: status},
	{Name: "reply_read", Params: []Value{I32, I32}, Results: status},
}

// Exports are the functions that a guest offers, besides "memory" and the "_initialize" of a WASI
// reactor.
var Exports = []Func{
	{Name: "start", Params: []Value{I32}, Results: []Value{I32}},
	{Name: "alloc", Params: []Value{I32}, Results: []Value{I32}},
	{Name: "free", Params: []Value{I32}},
	{Name: "call", Params: []Value{I32, I32}, Results: []Value{I32}},
	{Name: "resume", Params: []Value{I32, I32}, Results: []Value{I32}},
	{Name: "cancel"},
}

// WASI lists what Go's runtime imports from WASIModule: clock, random bytes, arguments and
// environment (both empty), scheduling, and the standard streams. No function opens a file or a
// socket.
var WASI = []string{
	"args_get", "args_sizes_get", "environ_get", "environ_sizes_get",
	"clock_time_get", "random_get", "poll_oneoff", "sched_yield", "proc_exit",
	"fd_read", "fd_write", "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags",
	"fd_prestat_get", "fd_prestat_dir_name",
}
