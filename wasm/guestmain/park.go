//go:build wasip1

package guestmain

import (
	"context"
	"iter"

	"nextquill/wasm/abi"
)

// A guest runs only while the host runs one of its exports. A method that waits for the host must
// leave the export and continue in a later one. It therefore runs in a coroutine (iter.Pull): to
// park is to yield, to resume is to call next. The switch does not use Go's scheduler, so it cannot
// stall.
//
// Only the coroutine may wait for the host.

// coroutine is the call being served.
type coroutine struct {
	next   func() bool // runs until it parks (true) or ends
	yield  func(struct{}) bool
	cancel context.CancelFunc
	token  uint32 // of the operation it is parked on, else 0
	status abi.Status
}

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

// await starts an asynchronous operation and parks until the host resumes it. It does not park if
// the host refuses the operation at once.
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
