//go:build wasip1

// The test guest: the guest that ships with the suites that need too many bytes for it, kernel
// cases and host conformance. wasm/README.md says which test runs which guest. Build it with `go
// run ./cmd/buildwasm --test`.
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
