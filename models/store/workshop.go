package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// workshop is the folder in which a model is put together:
//
//	files/   what is whole, and NAME.part of what is not
//	new/     the model's folder before it takes its place
//	old/     the one that it takes the place of
//	wheel/   the package that it comes in
//	lock     held by the process that is at it
type workshop string

func (w workshop) in(name string) string { return filepath.Join(string(w), name) }

func (w workshop) clear() error {
	if err := os.RemoveAll(string(w)); err != nil {
		return storage(string(w), err)
	}
	return nil
}

func (w workshop) lock() (unlock func(), err error) {
	if err := os.MkdirAll(string(w), 0o755); err != nil {
		return nil, storage(string(w), err)
	}
	return lockFile(w.in("lock"))
}

// download fills files/. What the model kept so far has unchanged is taken from there.
func (w workshop) download(ctx context.Context, o origin, m manifest.Manifest, kept string, pause time.Duration, progress Progress) error {
	d := &download{origin: o, dir: w.in("files"), kept: kept, pause: pause, progress: progress, total: m.Size()}
	var err error
	if d.store, err = dirstore.Open(d.dir); err != nil {
		return err
	}
	if d.keptStore, err = dirstore.Open(kept); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := d.file(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// settle gives whole files their place: those of the manifest and no others, and the manifest last.
func (w workshop) settle(m manifest.Manifest, from, target string) error {
	for i := range m.Files {
		m.Files[i].URL, m.Files[i].Shards = "", nil // here they are whole
	}
	m.From = from
	fresh, old := w.in("new"), w.in("old")
	if err := os.RemoveAll(fresh); err != nil {
		return storage(fresh, err)
	}
	for _, f := range m.Files {
		if err := link(filepath.Join(w.in("files"), filepath.FromSlash(f.Path)), filepath.Join(fresh, filepath.FromSlash(f.Path))); err != nil {
			return storage(fresh, err)
		}
	}
	written, err := dirstore.Open(fresh)
	if err == nil {
		err = written.Write(context.Background(), manifest.FileName, m.Encode())
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return storage(old, err)
	}
	if err := os.Rename(target, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storage(target, err)
	}
	if err := os.Rename(fresh, target); err != nil {
		return storage(target, err)
	}
	// The model has its place. What is left here is only space, and the next Get or Remove frees it if this cannot.
	_ = os.RemoveAll(string(w))
	return nil
}

// link gives a file a second name, where the file system has such, else another name: until the model's folder is whole its
// files can be found where they were.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	return os.Rename(from, to)
}
