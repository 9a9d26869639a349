// Package session is the one service behind every front: a front sends a method
// and its parameters as JSON, the session answers with a result or a fault and
// emits events on the way. The command line reaches it through the guest under
// wazero (wasm/host) or in its own process (Local), the page through the same
// guest in a worker. Methods live in files of their own, which call Register.
package session
