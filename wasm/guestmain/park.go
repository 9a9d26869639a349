//go:build wasip1

package guestmain

import (
	"context"
	"iter"

	"nextquill/wasm/abi"
)

// A guest runs only during a call of one of its exports. A method that waits for the host must
// therefore leave the export, and be continued by a later call. A coroutine does that: to park is
// to yield from it, to resume is to call its next. The switch is direct, without Go's scheduler, so
// it needs no other runnable goroutine and cannot stall.
//
// Only the coroutine may wait for the host.

// coroutine is the call being served.
type coroutine struct {
	next   func() bool // runs until it parks (true) or ends
	yield  func(struct{}) bool
	cancel context.CancelFunc
	token  uint32 // of the operation that it waits for, else 0
	status abi.Status
}

// begin makes the coroutine that runs f.
func begin(f func(ctx context.Context)) *coroutine {
	ctx, cancel := context.WithCancel(context.Background())
	c := &coroutine{cancel: cancel}
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		f(ctx)
	})
	c.next = func() bool {
		_, parked := next()
		return parked
	}
	return c
}

// await starts an asynchronous operation and parks until the host resumes it. It returns at once if
// the host refuses the operation.
func await(start func(token uint32) abi.Status) (abi.Status, error) {
	if guest.lastToken++; guest.lastToken == 0 { // tokens identify operations, so that a wrong resume is noticed
		guest.lastToken = 1
	}
	status := start(guest.lastToken)
	if status < 0 {
		return 0, lastFault(status)
	}
	c := guest.running
	c.token = guest.lastToken
	c.yield(struct{}{})
	c.token = 0
	if c.status < 0 {
		return 0, lastFault(c.status)
	}
	return c.status, nil
}
