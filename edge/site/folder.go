//go:build !js

package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Folder is a site in a folder, as `make site` writes it. A site that is built again is served at
// once.
type Folder struct {
	dir string

	mu       sync.Mutex
	manifest Manifest
	modified time.Time
}

// NewFolder returns the site in dir.
func NewFolder(dir string) *Folder { return &Folder{dir: dir} }

// Find implements Source.
func (f *Folder) Find(_ context.Context, path string) (File, error) {
	m, err := f.current()
	if err != nil {
		return File{}, err
	}
	file, ok := m[path]
	if !ok {
		return File{}, fs.ErrNotExist
	}
	return file, f.check(file)
}

// check compares the stored file with its manifest entry, before any header is sent.
func (f *Folder) check(file File) error {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(file.Path)
	if err != nil || !info.Mode().IsRegular() {
		return fs.ErrNotExist // it is missing, or a link out of the folder
	}
	if info.Size() != file.Size {
		return fmt.Errorf("%s: %d bytes, %d in the manifest", file.Path, info.Size(), file.Size)
	}
	return nil
}

// Open implements Source. Neither names nor symbolic links lead out of the folder.
func (f *Folder) Open(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// current reads the manifest again when it has changed.
func (f *Folder) current() (Manifest, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(ManifestName)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.manifest != nil && info.ModTime().Equal(f.modified) {
		return f.manifest, nil
	}
	file, err := root.Open(ManifestName)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxManifest+1))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	m, err := ParseManifest(data, hex.EncodeToString(sum[:]))
	if err != nil {
		return nil, err
	}
	f.manifest, f.modified = m, info.ModTime()
	return m, nil
}
