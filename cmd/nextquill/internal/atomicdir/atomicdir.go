// Package atomicdir creates a folder atomically. It writes a temporary folder next to the target,
// flushes it to disk and renames it. An interruption or a full disk leaves no incomplete folder.
package atomicdir

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

// Dir is a folder that is being written.
type Dir struct {
	path string // the final name
	temp string
}

// Create starts a folder. The final name must not exist, or be an empty folder.
func Create(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, storage(path, err)
	}
	entries, err := os.ReadDir(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENOTDIR):
		return nil, fault.New(fault.Mismatch, path, "", "is a file, not a folder").
			WithRemedy("use the name of a new folder")
	case err != nil:
		return nil, storage(path, err)
	case len(entries) > 0:
		return nil, fault.New(fault.Mismatch, path, "", "exists already and contains %q", entries[0].Name()).
			WithRemedy("use the name of a new folder, or remove this one first")
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

// Write adds a file with the content that fill writes.
func (d *Dir) Write(name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(d.temp, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return storage(name, err)
	}
	w := &writer{f: f}
	err = fill(w)
	if w.err != nil { // fill may have wrapped this error
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

// Commit renames the folder to its final name.
func (d *Dir) Commit() error {
	if err := os.Chmod(d.temp, 0o755); err != nil {
		return storage(d.path, err)
	}
	_ = os.Remove(d.path) // an empty folder: not every system can rename over it
	if err := os.Rename(d.temp, d.path); err != nil {
		return storage(d.path, err)
	}
	if parent, err := os.Open(filepath.Dir(d.path)); err == nil {
		_ = parent.Sync() // some file systems do not support it; the rename is done in any case
		parent.Close()
	}
	return nil
}

// Discard removes the temporary folder. After Commit it does nothing.
func (d *Dir) Discard() { _ = os.RemoveAll(d.temp) }

func storage(where string, err error) error {
	return dirstore.Fault(where, "cannot be written", err)
}
