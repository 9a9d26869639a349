package blobtest

import (
	"context"
	"strings"

	"nextquill/core/blob"
)

// Sub returns the folder dir of s as a store, for tests: Sub(s, "out").Write(ctx, "a", …) writes
// "out/a".
func Sub(s blob.Store, dir string) blob.Store {
	dir = strings.Trim(dir, "/")
	if dir == "" || dir == "." {
		return s
	}
	return subStore{s, dir + "/"}
}

type subStore struct {
	s      blob.Store
	prefix string
}

// full checks the inner name before it adds the prefix, which would make an empty or absolute name
// valid.
func (s subStore) full(name string) (string, error) {
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	return s.prefix + name, nil
}

func (s subStore) Size(ctx context.Context, name string) (int64, error) {
	full, err := s.full(name)
	if err != nil {
		return 0, err
	}
	return s.s.Size(ctx, full)
}

func (s subStore) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	full, err := s.full(name)
	if err != nil {
		return err
	}
	return s.s.ReadAt(ctx, full, p, off)
}

func (s subStore) Write(ctx context.Context, name string, data []byte) error {
	full, err := s.full(name)
	if err != nil {
		return err
	}
	return s.s.Write(ctx, full, data)
}

func (s subStore) Delete(ctx context.Context, name string) error {
	full, err := s.full(name)
	if err != nil {
		return err
	}
	return s.s.Delete(ctx, full)
}

func (s subStore) List(ctx context.Context, prefix string) ([]string, error) {
	names, err := s.s.List(ctx, s.prefix+prefix)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, s.prefix)
	}
	return names, err
}
