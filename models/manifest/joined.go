package manifest

import (
	"context"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// Joined returns a read-only view of the files in a manifest that are stored in a local folder.
// Files in shards appear as complete files. Hashes are not checked; see File.Check.
func Joined(m Manifest, folder blob.Store) blob.Store {
	j := &joined{folder: folder, files: map[string]File{}}
	for _, f := range m.Files {
		j.files[f.Path] = f
	}
	return j
}

type joined struct {
	folder blob.Store
	files  map[string]File
}

func (j *joined) find(ctx context.Context, name string) (File, error) {
	if err := blob.Cancelled(ctx); err != nil {
		return File{}, err
	}
	if err := blob.CheckName(name); err != nil {
		return File{}, err
	}
	f, ok := j.files[name]
	if !ok {
		return f, blob.NotExist(name)
	}
	return f, nil
}

// Size implements blob.Store. If a shard is missing or has another size, the result is the size of
// the existing data, which Check rejects.
func (j *joined) Size(ctx context.Context, name string) (int64, error) {
	f, err := j.find(ctx, name)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, s := range f.Pieces() {
		n, err := j.folder.Size(ctx, s.URL)
		if err != nil {
			return 0, err
		}
		if n != s.Size && len(f.Shards) > 0 {
			return 0, fault.New(fault.Mismatch, s.URL, "", "has %d bytes, but its manifest says %d", n, s.Size).
				WithRemedy(remedy)
		}
		sum += n
	}
	return sum, nil
}

// ReadAt implements blob.Store.
func (j *joined) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	f, err := j.find(ctx, name)
	if err != nil {
		return err
	}
	if len(f.Shards) == 0 {
		return j.folder.ReadAt(ctx, f.Pieces()[0].URL, p, off)
	}
	if err := blob.CheckRange(name, len(p), off, f.Size); err != nil {
		return err
	}
	for _, s := range f.Shards {
		if off >= s.Size {
			off -= s.Size
			continue
		}
		n := min(int64(len(p)), s.Size-off)
		if err := j.folder.ReadAt(ctx, s.URL, p[:n], off); err != nil {
			return err
		}
		if p, off = p[n:], 0; len(p) == 0 {
			break
		}
	}
	return nil
}

// List implements blob.Store.
func (j *joined) List(ctx context.Context, prefix string) ([]string, error) {
	if err := blob.Cancelled(ctx); err != nil {
		return nil, err
	}
	var names []string
	for name := range j.files {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Write implements blob.Store. It always fails.
func (j *joined) Write(_ context.Context, name string, _ []byte) error { return readOnly(name) }

// Delete implements blob.Store. It always fails.
func (j *joined) Delete(_ context.Context, name string) error { return readOnly(name) }

func readOnly(name string) error {
	return fault.New(fault.Unsupported, name, "", "a model's files are read-only").WithRemedy("write to another folder")
}
