// Package mount joins stores under prefixes, so that a session sees one tree of blobs while each folder of it comes from
// somewhere else: the embedded model, a user's folder, memory.
package mount

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// Table is a blob.Store made of mounted stores. A name belongs to the mount whose prefix is its first elements; no mount lies
// inside another. The zero value has no mounts. Mount before sharing it.
type Table struct {
	mounts []point
	files  map[string]string // sources of single blobs
}

type point struct {
	prefix string // "model/"
	store  blob.Store
	source string // what a person calls it: a folder's path
}

var _ blob.Store = (*Table)(nil)

// Add mounts a store at a folder name such as "model". source is what messages call the folder; "" keeps the blob names.
// It panics when the name is taken, lies inside another mount or is no blob name: the names are chosen by the program.
func (t *Table) Add(folder string, s blob.Store, source string) {
	if err := blob.CheckName(folder); err != nil {
		panic(err)
	}
	prefix := folder + "/"
	for _, m := range t.mounts {
		if strings.HasPrefix(prefix, m.prefix) || strings.HasPrefix(m.prefix, prefix) {
			panic("mount: " + prefix + " overlaps " + m.prefix)
		}
	}
	t.mounts = append(t.mounts, point{prefix, s, source})
}

// Call tells what messages call one blob, such as a file that was copied into memory.
func (t *Table) Call(name, source string) {
	if t.files == nil {
		t.files = map[string]string{}
	}
	t.files[name] = source
}

// Path turns a blob name into what a person calls it; names without a source come back as they are.
func (t *Table) Path(name string) string {
	if source, ok := t.files[name]; ok {
		return source
	}
	for _, m := range t.mounts {
		if m.source == "" {
			continue
		}
		if inner, ok := strings.CutPrefix(name, m.prefix); ok {
			return filepath.Join(m.source, filepath.FromSlash(inner))
		}
		if name+"/" == m.prefix {
			return m.source
		}
	}
	return name
}

// find gives the mount of a name and the name inside it.
func (t *Table) find(name string) (point, string, error) {
	if err := blob.CheckName(name); err != nil {
		return point{}, "", err
	}
	for _, m := range t.mounts {
		if inner, ok := strings.CutPrefix(name, m.prefix); ok {
			return m, inner, nil
		}
	}
	return point{}, "", blob.NotExist(name)
}

// outward makes an inner store's fault speak of the outer name.
func outward(err error, m point, inner string) error {
	var f *fault.Error
	if err == nil || !errors.As(err, &f) || f.Where != inner {
		return err
	}
	out := *f
	out.Where = m.prefix + inner
	return &out
}

// Size implements blob.Store.
func (t *Table) Size(ctx context.Context, name string) (int64, error) {
	m, inner, err := t.find(name)
	if err != nil {
		return 0, err
	}
	n, err := m.store.Size(ctx, inner)
	return n, outward(err, m, inner)
}

// ReadAt implements blob.Store.
func (t *Table) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	m, inner, err := t.find(name)
	if err != nil {
		return err
	}
	return outward(m.store.ReadAt(ctx, inner, p, off), m, inner)
}

// Write implements blob.Store. Writing outside every mount is fault.Storage.
func (t *Table) Write(ctx context.Context, name string, data []byte) error {
	m, inner, err := t.find(name)
	if errors.Is(err, blob.ErrNotExist) {
		return fault.New(fault.Storage, name, "", "no folder is mounted there to write to")
	}
	if err != nil {
		return err
	}
	return outward(m.store.Write(ctx, inner, data), m, inner)
}

// Delete implements blob.Store.
func (t *Table) Delete(ctx context.Context, name string) error {
	m, inner, err := t.find(name)
	if errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return outward(m.store.Delete(ctx, inner), m, inner)
}

// List implements blob.Store.
func (t *Table) List(ctx context.Context, prefix string) ([]string, error) {
	if err := blob.Cancelled(ctx); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range t.mounts {
		var inner string
		switch {
		case strings.HasPrefix(prefix, m.prefix):
			inner = prefix[len(m.prefix):]
		case strings.HasPrefix(m.prefix, prefix):
		default:
			continue
		}
		found, err := m.store.List(ctx, inner)
		if err != nil {
			return nil, outward(err, m, inner)
		}
		for _, name := range found {
			names = append(names, m.prefix+name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// ReadOnly refuses writes and deletions: what a job only reads, it cannot spoil.
func ReadOnly(s blob.Store) blob.Store { return readOnly{s} }

type readOnly struct{ blob.Store }

func (readOnly) Write(_ context.Context, name string, _ []byte) error { return refuse(name) }

func (readOnly) Delete(_ context.Context, name string) error { return refuse(name) }

func refuse(name string) error {
	return fault.New(fault.Unsupported, name, "", "this folder is only read").WithRemedy("write below the output folder")
}

// Only shows one file of a store and nothing beside it.
func Only(s blob.Store, name string) blob.Store { return only{s, name} }

type only struct {
	blob.Store
	name string
}

func (o only) Size(ctx context.Context, name string) (int64, error) {
	if name != o.name {
		return 0, blob.NotExist(name)
	}
	return o.Store.Size(ctx, name)
}

func (o only) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if name != o.name {
		return blob.NotExist(name)
	}
	return o.Store.ReadAt(ctx, name, p, off)
}

func (o only) Write(_ context.Context, name string, _ []byte) error { return refuse(name) }

func (o only) Delete(_ context.Context, name string) error { return refuse(name) }

func (o only) List(ctx context.Context, prefix string) ([]string, error) {
	if err := blob.Cancelled(ctx); err != nil || !strings.HasPrefix(o.name, prefix) {
		return nil, err
	}
	return []string{o.name}, nil
}
