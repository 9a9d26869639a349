package session

import (
	"context"
	"time"

	"nextquill/core/blob"
	"nextquill/core/gpu"
)

// Env is all that a method can reach: the host's GPU, its named blobs, a way to
// report, and the time. There is no network and no file system in it.
type Env struct {
	GPU   *gpu.Context
	Blobs blob.Store
	// Emit hands the caller an event: a struct whose JSON has a field "event".
	// An error means that the caller is gone, and ends the method.
	Emit func(event any) error
	// Clock is the time that goes into events and files; nil means time.Now.
	Clock func() time.Time
	// Yield lets the host run what waits (a cancellation, other work of a
	// browser's worker). It may be nil; call Pause instead.
	Yield func(ctx context.Context) error
}

// Now is the time by the environment's clock.
func (e *Env) Now() time.Time {
	if e.Clock == nil {
		return time.Now()
	}
	return e.Clock()
}

// Pause lets the host in, and returns a fault when ctx is done by then. A method
// that computes for long without reading from the GPU or a blob calls it every
// few tens of milliseconds: a guest in a worker hears of a cancellation only
// when it waits.
func (e *Env) Pause(ctx context.Context) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	if e.Yield != nil {
		if err := e.Yield(ctx); err != nil {
			return err
		}
	}
	return blob.Cancelled(ctx)
}
