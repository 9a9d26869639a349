package blob

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// Mem is a Store in memory. Its zero value is empty and ready to use.
type Mem struct {
	mu    sync.RWMutex
	blobs map[string][]byte
}

// NewMem returns a Mem with copies of the given blobs.
func NewMem(blobs map[string][]byte) *Mem {
	m := &Mem{blobs: make(map[string][]byte, len(blobs))}
	for name, data := range blobs {
		m.blobs[name] = slices.Clone(data)
	}
	return m
}

func (m *Mem) get(ctx context.Context, name string) ([]byte, error) {
	if err := Cancelled(ctx); err != nil {
		return nil, err
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	data, ok := m.blobs[name]
	if !ok {
		return nil, NotExist(name)
	}
	return data, nil // never changed in place, so it may be read without the lock
}

// Size implements Store.
func (m *Mem) Size(ctx context.Context, name string) (int64, error) {
	data, err := m.get(ctx, name)
	return int64(len(data)), err
}

// ReadAt implements Store.
func (m *Mem) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	data, err := m.get(ctx, name)
	if err != nil {
		return err
	}
	if err := CheckRange(name, len(p), off, int64(len(data))); err != nil {
		return err
	}
	copy(p, data[off:])
	return nil
}

// Write implements Store.
func (m *Mem) Write(ctx context.Context, name string, data []byte) error {
	if err := Cancelled(ctx); err != nil {
		return err
	}
	if err := CheckName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = map[string][]byte{}
	}
	m.blobs[name] = append([]byte{}, data...)
	return nil
}

// Delete implements Store.
func (m *Mem) Delete(ctx context.Context, name string) error {
	if err := Cancelled(ctx); err != nil {
		return err
	}
	if err := CheckName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, name)
	return nil
}

// List implements Store.
func (m *Mem) List(ctx context.Context, prefix string) ([]string, error) {
	if err := Cancelled(ctx); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for name := range m.blobs {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
