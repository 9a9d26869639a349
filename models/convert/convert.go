// Package convert makes of a model in any form that we read one that a browser can fetch: files in shards, with a manifest, and
// the weights in another type where that is wanted.
package convert

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// Options say what is made.
type Options struct {
	Name    string // of the model, for its manifest
	Licence string // SPDX, where it is known
	To      string // type of the weights, of Types; "" leaves the files as they are
	// Shard is the most bytes of a piece; 0 is manifest.ShardLimit.
	Shard int64
	// Progress, when set, hears of the bytes written so far, of so many.
	Progress func(done, total int64)
}

// extras are the files that go with a model into any form. A LICENSE goes, too, whatever its ending.
var extras = []string{weights.ConfigName, tokenizer.FileName, "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
	"chat_template.jinja", "README.md"}

// Folder converts the model at path of a store into the folder out, which is written anew beside its place and put there when it
// is whole: a folder that an earlier conversion made is replaced, another that is not empty is refused.
//
// Without Options.To the model's files stay what they are. With it the weights are written as one GGUF file of version 3: matrices
// in the type, the embedding table and the head in Q8_0 where the type is q4, everything of one dimension in F32. A GGUF file's
// metadata goes over unchanged; config.json and tokenizer.json, where there are any, stay beside the weights. Memory holds a few megabytes of weights at a time.
func Folder(ctx context.Context, store blob.Store, path, out string, o Options) (m manifest.Manifest, err error) {
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return m, err
	}
	if o.Shard == 0 {
		o.Shard = manifest.ShardLimit
	}
	c := &converter{ctx: ctx, store: store, source: source, options: o, dir: out + ".new"}
	var write func() error
	if o.To == "" {
		var names []string
		if names, err = Files(ctx, store, path); err == nil {
			write, err = c.copyFiles(names)
		}
	} else {
		write, err = c.planGGUF(path)
	}
	if err != nil {
		return m, err
	}
	if err := replaceable(out); err != nil {
		return m, err
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return m, storage(c.dir, err)
	}
	defer os.RemoveAll(c.dir) // after a failure; else it has moved
	if err := write(); err != nil {
		return m, err
	}
	m = manifest.Manifest{Name: o.Name, Version: manifest.Version, Licence: o.Licence, Files: c.files}
	if err := os.WriteFile(filepath.Join(c.dir, manifest.FileName), m.Encode(), 0o644); err != nil {
		return m, storage(c.dir, err)
	}
	if err := os.RemoveAll(out); err != nil {
		return m, storage(out, err)
	}
	if err := os.Rename(c.dir, out); err != nil {
		return m, storage(out, err)
	}
	return m, nil
}

// replaceable tells whether a folder may be written anew.
func replaceable(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) == 0 {
		return nil
	}
	if data, err := os.ReadFile(filepath.Join(out, manifest.FileName)); err == nil {
		if _, err := manifest.Parse(out, data); err == nil {
			return nil
		}
	}
	return fault.New(fault.Mismatch, out, "", "the folder is not empty, and no model was written there before").
		WithRemedy("name another folder, or empty this one")
}

type converter struct {
	ctx     context.Context
	store   blob.Store
	source  weights.Source
	options Options
	dir     string

	total, done int64
	files       []manifest.File
}

// wrote counts bytes.
func (c *converter) wrote(n int64) {
	c.done += n
	if c.options.Progress != nil {
		c.options.Progress(c.done, c.total)
	}
}

// file writes one file in shards.
func (c *converter) file(name string, size int64, fill func(io.Writer) error) error {
	s := manifest.NewSplitter(name, size, c.options.Shard, c.create)
	if err := fill(s); err != nil {
		s.Abort()
		if fault.KindOf(err) == "" {
			err = storage(name, err)
		}
		return err
	}
	f, err := s.Close()
	if err != nil {
		return storage(name, err)
	}
	c.files = append(c.files, f)
	return nil
}

func (c *converter) create(name string) (io.WriteCloser, error) {
	path := filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.Create(path)
}

// copyFiles plans to copy files of the store under their own names.
func (c *converter) copyFiles(names []string) (func() error, error) {
	sizes := map[string]int64{}
	for _, name := range names {
		n, err := c.store.Size(c.ctx, name)
		if err != nil {
			return nil, err
		}
		sizes[name] = n
		c.total += n
	}
	return func() error {
		for _, name := range names {
			err := c.file(name[strings.LastIndexByte(name, '/')+1:], sizes[name], func(w io.Writer) error { return c.copyRange(w, name, 0, sizes[name]) })
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// window is what is copied at a time.
const window = 1 << 20

func (c *converter) copyRange(w io.Writer, name string, from, size int64) error {
	buf := make([]byte, min(size, window))
	for size > 0 {
		p := buf[:min(size, window)]
		if err := c.store.ReadAt(c.ctx, name, p, from); err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		from, size = from+int64(len(p)), size-int64(len(p))
		c.wrote(int64(len(p)))
	}
	return nil
}

// beside gives the extras that lie in the model's folder. A GGUF file that is named by itself has none: what lies beside it may
// belong to another.
func beside(ctx context.Context, store blob.Store, path string) ([]string, error) {
	if gguf.Is(path) {
		return nil, nil
	}
	prefix := blob.Join(path, "")
	names, err := store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		base := strings.TrimPrefix(name, prefix)
		if slices.Contains(extras, base) || strings.HasPrefix(base, "LICENSE") && !strings.Contains(base, "/") {
			found = append(found, name)
		}
	}
	return found, nil
}

// Files lists the files of a store that make the model at path: what it is read from, and what goes with it.
func Files(ctx context.Context, store blob.Store, path string) ([]string, error) {
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return nil, err
	}
	names, err := beside(ctx, store, path)
	if err != nil {
		return nil, err
	}
	blobs := []string{source.Where, source.Name()}
	for _, t := range source.Tensors() {
		blobs = append(blobs, t.Blob)
	}
	for _, name := range blobs {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func storage(where string, err error) error {
	return dirstore.Fault(where, "cannot be written", err)
}
