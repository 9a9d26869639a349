// Package dirstore is a blob.Store on a directory, the storage of a headless host.
//
// Write writes to a temporary file next to its target, flushes it to the disk, and then renames it.
// After a crash, a full disk or a power failure, the target is either the old file or the new one.
package dirstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// Store is a directory. It has no open files and needs no Close.
type Store struct {
	dir string
}

var _ blob.Store = (*Store)(nil)

// Open returns the store of a directory. The first write creates a missing directory. Reading
// follows symbolic links, which model caches use; the store itself creates none.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, Fault(dir, "cannot be located", err)
	}
	switch info, err := os.Stat(abs); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, Fault(dir, "cannot be opened", err)
	case !info.IsDir():
		return nil, fault.New(fault.Mismatch, dir, "", "is a file, not a folder").
			WithRemedy("name the folder that contains it")
	}
	return &Store{dir: abs}, nil
}

// Dir returns the absolute path of the directory.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(ctx context.Context, name string) (string, error) {
	if err := blob.Cancelled(ctx); err != nil {
		return "", err
	}
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, filepath.FromSlash(name)), nil
}

func (s *Store) open(ctx context.Context, name string) (*os.File, int64, error) {
	path, err := s.path(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	// Stat before Open: opening a named pipe for reading would block.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, 0, readError(name, err)
	}
	return f, info.Size(), nil
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, name string) (int64, error) {
	f, size, err := s.open(ctx, name)
	if err != nil {
		return 0, err
	}
	f.Close()
	return size, nil
}

// ReadAt implements blob.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	f, size, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := blob.CheckRange(name, len(p), off, size); err != nil {
		return err
	}
	if n, err := f.ReadAt(p, off); n < len(p) {
		if errors.Is(err, io.EOF) {
			return blob.CheckRange(name, len(p), off, off+int64(n)) // it was truncated after Stat
		}
		return readError(name, err)
	}
	return nil
}

// Write implements blob.Store.
func (s *Store) Write(ctx context.Context, name string, data []byte) error {
	path, err := s.path(ctx, name)
	if err != nil {
		return err
	}
	if err := replaceFile(path, data); err != nil {
		return Fault(name, "cannot be written; an earlier file is unchanged", err)
	}
	return nil
}

func replaceFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, blob.TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if _, err := tmp.Write(data); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}

// syncDir makes the rename durable. Some file systems refuse to flush a directory; the file is
// complete anyway, so this is no error.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	path, err := s.path(ctx, name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Fault(name, "cannot be deleted", err)
	}
	return nil
}

// List implements blob.Store. It omits unfinished writes and names that blob.CheckName refuses.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or nothing was written yet
		}
		if err == nil {
			err = blob.Cancelled(ctx)
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || blob.CheckName(name) != nil {
			return nil
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() { // Stat, for links to files
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		if fault.KindOf(err) != "" {
			return nil, err
		}
		return nil, Fault(s.dir, "cannot be listed", err)
	}
	slices.Sort(names)
	return names, nil
}

func readError(name string, err error) error {
	// ENOTDIR: "a/b" where a is a file. For the caller the blob does not exist.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return blob.NotExist(name)
	}
	return Fault(name, "cannot be read", err)
}

// Fault returns the fault for an error of the file system, with a remedy for a full disk or missing
// permissions.
func Fault(where, detail string, err error) error {
	remedy := "check the disk and the folder's permissions"
	switch {
	case errors.Is(err, syscall.ENOSPC):
		remedy = "the disk is full: free some space and run again"
	case errors.Is(err, syscall.EFBIG):
		remedy = "the file exceeds the size limit of this system: raise it (ulimit -f) or use another disk"
	case errors.Is(err, fs.ErrPermission):
		remedy = "allow this user to read and write the folder"
	}
	return fault.New(fault.Storage, where, "", "%s", detail).WithCause(err).WithRemedy("%s", remedy)
}
