// Package engine provides what the methods of the core work with: the host's device, blobs, clock
// and events, and the state that is kept between calls. It loads models, keeps one of them on the
// device between calls, measures which kernel variants are fastest on the device, and checks before
// a job starts that it fits into memory.
//
// An Engine belongs to one device and serves one call at a time. Each call gets an Env from it.
package engine
