// Package guestmain is the part that all guests have in common: the exports and imports of
// wasm/abi. A guest is compiled to WASM as a WASI reactor, and can reach nothing but these imports.
// It is a main package that calls Serve with the methods that it offers. wasm/main.go is the guest
// that ships; wasm/testguest is the one with the test suites.
//
// The package has code for GOOS=wasip1 only. A guest serves one call at a time.
package guestmain
