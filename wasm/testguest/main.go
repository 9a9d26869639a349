//go:build wasip1

// The test guest: the guest that ships, with what takes too many bytes for it: kernel cases, host
// conformance, and the method bench. wasm/README.md says which test runs which guest. Build it with
// `go run ./cmd/buildwasm --test`.
package main

import (
	"nextquill/core/diag"
	"nextquill/core/jobs"
	"nextquill/core/selftest"
	"nextquill/wasm/conformance"
	"nextquill/wasm/guestmain"
)

func init() { guestmain.Serve(jobs.Methods, diag.Methods, selftest.Methods, conformance.Methods) }

// main never runs: a host calls the exports of guestmain.
func main() {}
