// Package engine is what the methods of the core work with: the host's device, blobs, clock and
// events, and the state that outlives a call. It loads models, keeps one of them on the device
// between calls, measures which kernel variants are fastest on the device, and checks that a job
// fits into memory before it starts.
//
// An Engine belongs to one device and serves one call at a time. Each call gets an Env from it.
package engine
