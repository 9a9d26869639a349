// Package wholedir makes a folder that is there whole or not at all: it is filled under another name beside its own, flushed to
// the disk, and renamed. A kill, a full disk or Ctrl-C leaves no folder that looks like a result.
package wholedir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
)

// Dir is a folder in the making.
type Dir struct {
	path string // its name when it is whole
	temp string
}

// Create begins a folder. There must be none of the name yet, or an empty one.
func Create(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, storage(path, err)
	}
	entries, err := os.ReadDir(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENOTDIR):
		return nil, fault.New(fault.Mismatch, path, "", "is a file, not a folder").WithRemedy("name a folder that is not there yet")
	case err != nil:
		return nil, storage(path, err)
	case len(entries) > 0:
		return nil, fault.New(fault.Mismatch, path, "", "is there already, with %q in it", entries[0].Name()).
			WithRemedy("name a folder that is not there yet, or remove this one first")
	}
	parent := filepath.Dir(abs)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, storage(parent, err)
	}
	temp, err := os.MkdirTemp(parent, blob.TempPrefix+filepath.Base(abs)+"-*")
	if err != nil {
		return nil, storage(parent, err)
	}
	return &Dir{abs, temp}, nil
}

// Write adds a file of what fill writes.
func (d *Dir) Write(name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(d.temp, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return storage(name, err)
	}
	w := &writer{f: f}
	err = fill(w)
	if w.err != nil { // fill may have wrapped it
		err = storage(name, w.err)
	}
	if err == nil {
		if err = f.Sync(); err != nil {
			err = storage(name, err)
		}
	}
	if closed := f.Close(); err == nil && closed != nil {
		err = storage(name, closed)
	}
	return err
}

type writer struct {
	f   *os.File
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.err = err
	return n, err
}

// Commit gives the folder its name.
func (d *Dir) Commit() error {
	if err := os.Chmod(d.temp, 0o755); err != nil {
		return storage(d.path, err)
	}
	_ = os.Remove(d.path) // an empty one; some systems rename over it, some do not
	if err := os.Rename(d.temp, d.path); err != nil {
		return storage(d.path, err)
	}
	if parent, err := os.Open(filepath.Dir(d.path)); err == nil {
		_ = parent.Sync() // some file systems refuse; the rename has taken place either way
		parent.Close()
	}
	return nil
}

// Discard removes what was made. After Commit it does nothing.
func (d *Dir) Discard() { _ = os.RemoveAll(d.temp) }

func storage(where string, err error) error {
	return dirstore.Fault(where, "cannot be written", err)
}
