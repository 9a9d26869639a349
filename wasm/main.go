//go:build wasip1

// The guest that ships: core/ compiled to WASM. The same file runs in a browser's worker and under
// wazero. Build it with `go run ./cmd/buildwasm`.
package main

import (
	"nextquill/core/jobs"
	"nextquill/wasm/guestmain"
)

func init() { guestmain.Serve(jobs.Methods) }

// main never runs: a host calls the exports of guestmain.
func main() {}
