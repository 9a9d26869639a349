// Package convert prepares a model for the browser: files in shards with a manifest, and optionally
// the weights in another type. It reads every supported model format.
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

// Options control a conversion.
type Options struct {
	Name    string // name of the model in its manifest
	Licence string // SPDX identifier, if known
	To      string // type of the weights, one of Types; "" copies the files unchanged
	// Shard is the maximum size of a shard in bytes; 0 means manifest.ShardLimit.
	Shard int64
	// Progress receives the bytes written so far and the total. It may be nil.
	Progress func(done, total int64)
}

// extraFiles are copied with a model of any format. LICENSE files with any extension are copied
// too.
var extraFiles = []string{weights.ConfigName, tokenizer.FileName, "tokenizer_config.json", "special_tokens_map.json",
	"added_tokens.json", "generation_config.json", "chat_template.jinja", "README.md"}

// Folder converts the model at path of a store and writes it to the folder out. It writes a
// temporary folder and renames it when it is complete. It replaces a folder that an earlier
// conversion wrote, and rejects any other folder that is not empty.
//
// Without Options.To the model's files are copied unchanged. Otherwise the weights are written as
// one GGUF file of version 3: matrices in the requested type, the embedding table and the head in
// Q8_0 if that type is q4, and all vectors in F32. The metadata of a GGUF source is copied.
// config.json and tokenizer.json, if there are any, are copied next to the weights. Only a few
// megabytes of weights are in memory at a time.
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
	defer os.RemoveAll(c.dir) // after a failure; otherwise it has been renamed
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

// replaceable reports whether a folder may be replaced.
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
	return fault.New(fault.Mismatch, out, "", "the folder is not empty and does not contain a converted model").
		WithRemedy("use another folder, or empty this one")
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

// countBytes adds written bytes to the progress.
func (c *converter) countBytes(n int64) {
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
			err := c.file(name[strings.LastIndexByte(name, '/')+1:], sizes[name],
				func(w io.Writer) error { return c.copyRange(w, name, 0, sizes[name]) })
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// window is the number of bytes copied at a time.
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
		c.countBytes(int64(len(p)))
	}
	return nil
}

// sideFiles returns the extra files in the model's folder. A GGUF file that is named directly has
// none, because the files next to it may belong to another model.
func sideFiles(ctx context.Context, store blob.Store, path string) ([]string, error) {
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
		if slices.Contains(extraFiles, base) || strings.HasPrefix(base, "LICENSE") && !strings.Contains(base, "/") {
			found = append(found, name)
		}
	}
	return found, nil
}

// Files lists the files of the model at path: those it is read from, and the extra files.
func Files(ctx context.Context, store blob.Store, path string) ([]string, error) {
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return nil, err
	}
	names, err := sideFiles(ctx, store, path)
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
