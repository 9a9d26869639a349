package gpu

import "context"

// Dry is a device that runs nothing. Recording a plan on it shows how much memory the plan would
// take on a device with these limits. Reads return zeros.
type Dry struct{ Limits Info }

// Info returns the limits.
func (d Dry) Info() Info { return d.Limits }

// Submit ignores the batch.
func (Dry) Submit(*Batch) error { return nil }

// Wait returns at once.
func (Dry) Wait(context.Context, int) error { return nil }

// Read returns zeros.
func (Dry) Read(_ context.Context, _ Buffer, _ int, dst []byte) error {
	clear(dst)
	return nil
}

// Load does nothing.
func (Dry) Load(context.Context, string, int64, int, Buffer, int) error { return nil }
