package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// FromFS returns a read-only Store of fsys, such as an embedded model. Write and Delete return
// fault.Unsupported.
func FromFS(fsys fs.FS) Store { return fsStore{fsys} }

type fsStore struct{ fsys fs.FS }

func (s fsStore) open(ctx context.Context, name string) (fs.File, int64, error) {
	if err := Cancelled(ctx); err != nil {
		return nil, 0, err
	}
	if err := CheckName(name); err != nil {
		return nil, 0, err
	}
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, 0, fsError(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist // a folder is not a blob
	}
	if err != nil {
		f.Close()
		return nil, 0, fsError(name, err)
	}
	return f, info.Size(), nil
}

func fsError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return NotExist(name)
	}
	return fault.New(fault.Storage, name, "", "cannot be read").WithCause(err).
		WithRemedy("check the disk and the file's permissions")
}

func (s fsStore) Size(ctx context.Context, name string) (int64, error) {
	f, size, err := s.open(ctx, name)
	if err != nil {
		return 0, err
	}
	f.Close()
	return size, nil
}

func (s fsStore) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	f, size, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := CheckRange(name, len(p), off, size); err != nil {
		return err
	}
	if ra, ok := f.(io.ReaderAt); ok {
		if n, err := ra.ReadAt(p, off); n < len(p) {
			return fsError(name, err)
		}
		return nil
	}
	// fs.FS does not guarantee random access, so the bytes before off are read and dropped.
	if _, err := io.CopyN(io.Discard, f, off); err != nil {
		return fsError(name, err)
	}
	if _, err := io.ReadFull(f, p); err != nil {
		return fsError(name, err)
	}
	return nil
}

func (s fsStore) Write(_ context.Context, name string, _ []byte) error { return readOnly(name) }

func (s fsStore) Delete(_ context.Context, name string) error { return readOnly(name) }

func readOnly(name string) error {
	return fault.New(fault.Unsupported, name, "", "this store is read-only").WithRemedy("write to another store")
}

func (s fsStore) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := fs.WalkDir(s.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = Cancelled(ctx)
		}
		if err == nil && d.Type().IsRegular() && strings.HasPrefix(name, prefix) && CheckName(name) == nil {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		if fault.KindOf(err) != "" {
			return nil, err
		}
		return nil, fsError(prefix, err)
	}
	slices.Sort(names) // WalkDir orders by element, not by whole name
	return names, nil
}
