package train

import (
	"context"
	"errors"

	"nextquill/core/blob"
)

// maxCheckpoint bounds what is read: it fits full fine-tuning of a large model.
const maxCheckpoint = 1 << 33

// Checkpoints is the two files in a folder that checkpoints are written to in turn. A kill during a
// write leaves the other file intact.
type Checkpoints struct {
	Store blob.Store
	Dir   string

	known  bool // newest is known
	newest int  // index of the file with the newest valid checkpoint
}

// folder is where the files are.
func (s Checkpoints) folder() string { return blob.Join(s.Dir, "checkpoint") }

func (s Checkpoints) files() [2]string {
	return [2]string{blob.Join(s.folder(), "0.ckpt"), blob.Join(s.folder(), "1.ckpt")}
}

// Save writes c to the file that does not hold the newest valid checkpoint. It reads the files only
// to find that out, the first time: each may have tens of megabytes.
func (s *Checkpoints) Save(ctx context.Context, c *Checkpoint) error {
	if !s.known {
		if _, err := s.Load(ctx); err != nil {
			return err
		}
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	if err := s.Store.Write(ctx, s.files()[1-s.newest], data); err != nil {
		return err
	}
	s.newest = 1 - s.newest
	return nil
}

// Load returns the newest valid checkpoint, or nil when there is none. A damaged file is skipped.
func (s *Checkpoints) Load(ctx context.Context) (*Checkpoint, error) {
	var newest *Checkpoint
	at := 1 // without a checkpoint, the first one goes to file 0
	for i, name := range s.files() {
		data, err := blob.ReadAll(ctx, s.Store, name, maxCheckpoint)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c, err := decodeCheckpoint(name, data)
		if err != nil {
			continue
		}
		if newest == nil || c.Step > newest.Step {
			newest, at = c, i
		}
	}
	s.known, s.newest = true, at
	return newest, nil
}

// Delete removes both files.
func (s Checkpoints) Delete(ctx context.Context) error {
	for _, name := range s.files() {
		if err := s.Store.Delete(ctx, name); err != nil && !errors.Is(err, blob.ErrNotExist) {
			return err
		}
	}
	return nil
}
