package train

import (
	"context"
	"errors"

	"nextquill/core/blob"
)

// maxCheckpoint bounds what is read: it fits full fine-tuning of a large model.
const maxCheckpoint = 1 << 33

// Checkpoints is the two storage slots in a folder that checkpoints alternate between. A kill
// during a write leaves the other slot intact.
type Checkpoints struct {
	Store blob.Store
	Dir   string
}

// folder is where the slots are.
func (s Checkpoints) folder() string { return blob.Join(s.Dir, "checkpoint") }

func (s Checkpoints) slots() [2]string {
	return [2]string{blob.Join(s.folder(), "0.ckpt"), blob.Join(s.folder(), "1.ckpt")}
}

// Save writes c to the slot that does not hold the newest valid checkpoint.
func (s Checkpoints) Save(ctx context.Context, c *Checkpoint) error {
	data, err := c.encode()
	if err != nil {
		return err
	}
	_, newest, err := s.newest(ctx)
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, s.slots()[1-newest], data)
}

// Load returns the newest valid checkpoint, or nil when there is none. A damaged slot is skipped.
func (s Checkpoints) Load(ctx context.Context) (*Checkpoint, error) {
	c, _, err := s.newest(ctx)
	return c, err
}

// newest returns the newest checkpoint and its slot. Without one the slot is 1, so that the first
// checkpoint goes to slot 0.
func (s Checkpoints) newest(ctx context.Context) (*Checkpoint, int, error) {
	var newest *Checkpoint
	slot := 1
	for i, name := range s.slots() {
		data, err := blob.ReadAll(ctx, s.Store, name, maxCheckpoint)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		c, err := decodeCheckpoint(name, data)
		if err != nil {
			continue
		}
		if newest == nil || c.Step > newest.Step {
			newest, slot = c, i
		}
	}
	return newest, slot, nil
}

// Delete removes both slots.
func (s Checkpoints) Delete(ctx context.Context) error {
	for _, name := range s.slots() {
		if err := s.Store.Delete(ctx, name); err != nil && !errors.Is(err, blob.ErrNotExist) {
			return err
		}
	}
	return nil
}
