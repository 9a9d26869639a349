// Package abi is the boundary between the guest (core/ compiled to WASM) and a
// host: names, signatures, status codes, and the encoding of command batches.
// Both sides in Go import it; README.md beside it is the same in words, for
// hosts in other languages.
package abi

// Version is checked when a host starts a guest. It changes whenever either side
// would misread the other.
const Version = 1

// Module is the import module that a host provides.
const Module = "nextquill"

// WASIModule is the only other one, restricted to the functions in WASI.
const WASIModule = "wasi_snapshot_preview1"

// State is what call and resume return.
type State int32

// States of a call. A negative value is a Status: the export did nothing.
const (
	// Done: the response has been handed over through the import respond.
	Done State = 0
	// Parked: the guest waits for the token of its last asynchronous import.
	Parked State = 1
)

// Status is the outcome of an import, and of the operation that resume reports.
// Zero and above is success; where an operation has a reply, its length.
type Status int32

const (
	// OK is success without a reply.
	OK Status = 0
	// Failed means that reply_read gives an ErrorInfo in JSON.
	Failed Status = -1
	// Busy: call while another call is being served.
	Busy Status = -2
	// BadVersion: start was not called, or with another version.
	BadVersion Status = -3
	// BadToken: resume with a token that nothing waits for.
	BadToken Status = -4
	// BadRequest: call with memory that alloc did not return.
	BadRequest Status = -5
)

// String names s.
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

// Limits that both sides hold to, in bytes.
const (
	// MaxBatch bounds one encoded batch. The guest splits longer ones.
	MaxBatch = 8 << 20
	// MaxCommands bounds the commands of one batch: decoded, each takes far more
	// memory than the 8 bytes it may be encoded in.
	MaxCommands = 1 << 16
	// MaxMessage bounds a request, a response, an event and a reply.
	MaxMessage = 32 << 20
	// MaxNameArg bounds the bytes that a host reads for the name or prefix of a blob. It exceeds
	// blob.MaxName, the limit of a valid name, so that a longer name gets that fault.
	MaxNameArg = 4 << 10
)

// Value is a WASM value type.
type Value string

// The types in use. An i32 is read as unsigned where it is a pointer, a length,
// a handle or a token, and as signed where it is a State or Status.
const (
	I32 Value = "i32"
	I64 Value = "i64"
)

// Func is the signature of an import or export.
type Func struct {
	Name    string
	Params  []Value
	Results []Value
	// Async marks an import whose last parameter is a token: it returns at once
	// and the host reports the outcome through resume.
	Async bool
}

var status = []Value{I32}

// Imports are the functions that a host provides in Module. Nothing else
// reaches the outside: this list is what the guest can do.
var Imports = []Func{
	{Name: "gpu_info", Results: status},
	{Name: "gpu_submit", Params: []Value{I32, I32}, Results: status},                           // ptr, len
	{Name: "gpu_read", Params: []Value{I32, I64, I32, I32, I32}, Results: status, Async: true}, // buffer, offset, ptr, len, token
	{Name: "blob_size", Params: []Value{I32, I32, I32}, Results: status, Async: true},          // name, len, token
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

// Exports are the functions that the guest offers, besides "memory" and the
// "_initialize" of a WASI reactor.
var Exports = []Func{
	{Name: "start", Params: []Value{I32}, Results: []Value{I32}},
	{Name: "alloc", Params: []Value{I32}, Results: []Value{I32}},
	{Name: "free", Params: []Value{I32}},
	{Name: "call", Params: []Value{I32, I32}, Results: []Value{I32}},
	{Name: "resume", Params: []Value{I32, I32}, Results: []Value{I32}},
	{Name: "cancel"},
}

// WASI lists what Go's runtime imports from WASIModule: the clock, random bytes,
// arguments and environment (both empty), its scheduler, and standard streams.
// Nothing in it opens a file or a socket.
var WASI = []string{
	"args_get", "args_sizes_get", "environ_get", "environ_sizes_get",
	"clock_time_get", "random_get", "poll_oneoff", "sched_yield", "proc_exit",
	"fd_read", "fd_write", "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags",
	"fd_prestat_get", "fd_prestat_dir_name",
}
