package api

import (
	"context"
	"encoding/json"
)

// Client calls the methods of a core, wherever it runs: in this process, under wazero or in a
// browser's worker.
type Client interface {
	// Call runs a method.
	//
	// params is any value that encoding/json can encode, or nil. The result is decoded into
	// result, a pointer, or dropped if result is nil. onEvent, which may be nil, receives each
	// event while the method runs, by name and as JSON.
	//
	// The error is that of the method, with its fault.Kind. Cancelling ctx stops the method with
	// fault.Cancelled; the core stays usable.
	Call(ctx context.Context, method string, params, result any, onEvent func(name string, raw json.RawMessage)) error
}
