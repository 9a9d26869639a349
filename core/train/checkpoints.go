package train

import (
	"cmp"
	"context"
	"errors"
	"hash/crc64"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/params"
)

// Checkpoints is the two files in a folder that checkpoints are written to in turn. A kill during a
// write leaves the other file intact.
type Checkpoints struct {
	Store blob.Store
	Dir   string

	known  bool // newest is known
	newest int  // index of the file with the newest valid checkpoint
	// memory is that of the file that was read or written last. It is used again, because the
	// guest's memory would grow by several files of tens of megabytes before the first one is
	// collected.
	memory []byte
}

// folder is where the files are.
func (s Checkpoints) folder() string { return blob.Join(s.Dir, "checkpoint") }

func (s Checkpoints) files() [2]string {
	return [2]string{blob.Join(s.folder(), "0.ckpt"), blob.Join(s.folder(), "1.ckpt")}
}

// Save writes c, with the values that read stores in c.State. It replaces the file that does not
// hold the newest valid checkpoint. Only the first call reads the files, to find the newest one.
// The State of a checkpoint that Load returned before is not valid any more.
func (s *Checkpoints) Save(ctx context.Context, c *Checkpoint, read func(into []params.State) error) error {
	if !s.known {
		if _, err := s.Load(ctx); err != nil {
			return err
		}
	}
	file, err := c.layOut(s.memory[:0])
	if err != nil {
		return err
	}
	s.memory = file
	if err := read(c.State); err != nil {
		return err
	}
	seal(file)
	if err := s.Store.Write(ctx, s.files()[1-s.newest], file); err != nil {
		return err
	}
	s.newest = 1 - s.newest
	return nil
}

// Load returns the newest valid checkpoint, or nil when there is none. A damaged file is skipped.
// The State of the checkpoint is valid until the next Save or Load.
func (s *Checkpoints) Load(ctx context.Context) (*Checkpoint, error) {
	starts, err := s.starts(ctx)
	if err != nil {
		return nil, err
	}
	s.known, s.newest = true, 1 // without a checkpoint, the first one goes to file 0
	for _, start := range starts {
		if room := start.checkpoint.room(); cap(s.memory) < room {
			s.memory = make([]byte, 0, room)
		}
		name := s.files()[start.file]
		s.memory = s.memory[:start.size]
		if err := s.Store.ReadAt(ctx, name, s.memory, 0); err != nil {
			return nil, err
		}
		if c, err := decodeCheckpoint(name, s.memory); err == nil {
			s.newest = start.file
			return c, nil
		}
	}
	return nil, nil
}

// start is what is known of a file that was not read completely.
type start struct {
	file       int         // index
	checkpoint *Checkpoint // without values
	size       int64
}

// starts reads the starts of the files, and returns those that have the right size, the newest
// first.
func (s *Checkpoints) starts(ctx context.Context) ([]start, error) {
	var found []start
	for i, name := range s.files() {
		size, err := s.Store.Size(ctx, name)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		data := make([]byte, min(size, int64(maxStart)))
		if err := s.Store.ReadAt(ctx, name, data, 0); err != nil {
			return nil, err
		}
		c, n, err := decodeStart(name, data)
		if err != nil || int64(n+c.valueBytes(c.HasBest)+crc64.Size) != size {
			continue
		}
		found = append(found, start{i, c, size})
	}
	slices.SortStableFunc(found, func(a, b start) int { return cmp.Compare(b.checkpoint.Step, a.checkpoint.Step) })
	return found, nil
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
