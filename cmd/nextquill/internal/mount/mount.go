// Package mount combines several blob stores into one. Each store has a prefix of its own in the
// names of the combined store, for example one for the embedded model and one for a user's folder.
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

// Table is a blob.Store made of mounted stores. A name belongs to the mount whose prefix it starts
// with. Mounts cannot be nested. The zero value has no mounts. Add all mounts before sharing it.
type Table struct {
	mounts []point
	files  map[string]string // display names of single blobs
}

type point struct {
	prefix string // "model/"
	store  blob.Store
	source string // display name: a folder's path
}

var _ blob.Store = (*Table)(nil)

// Add mounts a store at a folder name such as "model". source is the folder's name in messages; ""
// keeps the blob names. Add panics if the name is taken, nested in another mount, or not a valid
// blob name.
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

// Call sets the display name of one blob, such as a file that was copied to memory.
func (t *Table) Call(name, source string) {
	if t.files == nil {
		t.files = map[string]string{}
	}
	t.files[name] = source
}

// Path converts a blob name to its display name. Names without a source stay unchanged.
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

// find returns the mount of a name, and the name inside it.
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

// outward replaces inner names in a fault by outer names.
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

// Write implements blob.Store. Writing outside every mount is a fault.Storage.
func (t *Table) Write(ctx context.Context, name string, data []byte) error {
	m, inner, err := t.find(name)
	if errors.Is(err, blob.ErrNotExist) {
		return fault.New(fault.Storage, name, "", "no folder is mounted at this name")
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

// ReadOnly rejects writes and deletions.
func ReadOnly(s blob.Store) blob.Store { return readOnly{s} }

type readOnly struct{ blob.Store }

func (readOnly) Write(_ context.Context, name string, _ []byte) error { return refuse(name) }

func (readOnly) Delete(_ context.Context, name string) error { return refuse(name) }

func refuse(name string) error {
	return fault.New(fault.Unsupported, name, "", "this folder is read-only").
		WithRemedy("write below the output folder")
}

// Only shows a single file of a store.
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
