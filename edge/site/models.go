package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"nextquill/models/manifest"
)

// Storage opens stored files by name from a byte on. The error is fs.ErrNotExist for a name that is
// not there.
type Storage interface {
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
}

// Storages are several, as one: a file is that of the first storage that has it.
type Storages []Storage

// Open implements Storage.
func (all Storages) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	for _, s := range all {
		if body, err := s.Open(ctx, name, offset); !errors.Is(err, fs.ErrNotExist) {
			return body, err
		}
	}
	return nil, fs.ErrNotExist
}

// maxModelManifest bounds the bytes of a model's manifest.
const maxModelManifest = 1 << 20

// Models is a Source for models/NAME/FILE: what `nextquill model convert` writes. A model's files
// are those that its manifest.json lists.
type Models struct{ storage Storage }

// NewModels returns the models of a storage.
func NewModels(s Storage) Models { return Models{s} }

// Open implements Source.
func (m Models) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if strings.HasSuffix(name, "/"+manifest.FileName) {
		// Small, and read whole by Find as well: offset 0 needs no seek.
		data, err := m.read(ctx, name)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(data[min(offset, int64(len(data))):])), nil
	}
	return m.storage.Open(ctx, name, offset)
}

// Find implements Source.
func (m Models) Find(ctx context.Context, name string) (File, error) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) < 3 || parts[0] != "models" {
		return File{}, fs.ErrNotExist
	}
	folder, file := parts[0]+"/"+parts[1], parts[2]
	data, err := m.read(ctx, path.Join(folder, manifest.FileName))
	if err != nil {
		return File{}, err
	}
	if file == manifest.FileName {
		sum := sha256.Sum256(data)
		return File{Path: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, nil
	}
	listed, err := manifest.Parse(path.Join(folder, manifest.FileName), data)
	if err != nil {
		return File{}, err
	}
	for _, f := range listed.Files {
		for _, piece := range f.Pieces() {
			if piece.URL == file {
				return File{Path: name, Size: piece.Size, SHA256: piece.SHA256}, nil
			}
		}
	}
	return File{}, fs.ErrNotExist
}

func (m Models) read(ctx context.Context, name string) ([]byte, error) {
	body, err := m.storage.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxModelManifest+1))
	if err == nil && len(data) > maxModelManifest {
		err = fmt.Errorf("%s: more than %d bytes", name, maxModelManifest)
	}
	return data, err
}
