// Package guestmain is the core as a guest: compiled to WASM as a WASI reactor, with the exports
// and imports of wasm/abi, which are all that the core can reach there. A guest is a main package
// that calls Serve with the methods that it offers; wasm/main.go is the one that ships,
// wasm/testguest the one with the suites of tests.
//
// The package has code for GOOS=wasip1 only. A guest serves one call at a time.
package guestmain
