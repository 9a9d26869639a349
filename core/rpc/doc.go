// Package rpc carries the calls of package api as JSON.
//
// A Server holds methods and runs requests; it turns errors and panics into an api.ErrorInfo. Local
// is an api.Client for a server in the same process. Hosts that run the core elsewhere (wasm/host,
// the browser's worker) use EncodeRequest, DecodeResponse, EncodeError and DecodeError.
package rpc
