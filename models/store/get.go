package store

import (
	"context"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"nextquill/core/fault"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// origin is where a model's files come from.
type origin interface {
	// manifest lists the files; their addresses are for open.
	manifest(ctx context.Context, progress Progress) (manifest.Manifest, error)
	// open reads a piece from a byte on, or, where the origin cannot, from an earlier one: it tells from which.
	open(ctx context.Context, piece manifest.Shard, from int64) (body io.ReadCloser, at int64, err error)
	// String is what a person calls it.
	String() string
}

// Get brings a model into the store and gives it when every file is what its manifest says. source is the name of a known model, an
// address of a manifest or of a folder with one, or a path: a folder with a manifest, a model's folder without one, a GGUF file.
// name is what it is kept by; "" makes one of the source.
//
// What breaks off is gone on with by the next Get, at the byte where it stopped. A model of the name that is there already is
// checked; files that are another than they should be are fetched again, and until all are whole it stays as it was.
func (s *Store) Get(ctx context.Context, source, name string, progress Progress) (*Model, error) {
	o, suggested, err := s.originOf(source)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = suggested
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	w := workshop(filepath.Join(s.dir, partial, name))
	unlock, err := w.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if o, ok := o.(*wheelOrigin); ok {
		o.dir = w.in("wheel")
	}
	m, err := o.manifest(ctx, progress)
	if err != nil {
		return nil, err
	}
	if kept, err := s.Find(name); err == nil && same(kept.Manifest, m) && kept.Check(ctx, progress) == nil {
		return kept, w.clear()
	}
	if err := w.download(ctx, o, m, filepath.Join(s.dir, name), s.pause, progress); err != nil {
		return nil, err
	}
	if err := w.settle(m, o.String(), filepath.Join(s.dir, name)); err != nil {
		return nil, err
	}
	return s.Find(name)
}

// same tells whether two manifests list the same contents.
func same(a, b manifest.Manifest) bool {
	if len(a.Files) != len(b.Files) {
		return false
	}
	sums := map[string]string{}
	for _, f := range a.Files {
		sums[f.Path] = f.SHA256
	}
	for _, f := range b.Files {
		if sums[f.Path] != f.SHA256 {
			return false
		}
	}
	return true
}

// originOf finds out what a source is, and a name for it.
func (s *Store) originOf(source string) (origin, string, error) {
	if k, ok := known(source); ok {
		return &wheelOrigin{known: k}, k.Name, nil
	}
	if strings.Contains(source, "://") {
		return s.address(source)
	}
	info, err := os.Stat(source)
	if err != nil {
		names := make([]string, len(knownModels))
		for i, k := range knownModels {
			names[i] = k.Name
		}
		return nil, "", fault.New(fault.Missing, source, "", "is no file or folder here, and no model known by name").
			WithRemedy("name one of %s, an address that begins with https://, or a path", strings.Join(names, ", "))
	}
	abs, err := filepath.Abs(source)
	if err != nil {
		return nil, "", storage(source, err)
	}
	if !info.IsDir() && filepath.Base(abs) == manifest.FileName {
		abs = filepath.Dir(abs)
	}
	o, err := newDiskOrigin(abs)
	return o, NameFor(filepath.Base(abs)), err
}

// address takes an address of a manifest, or of a folder that has one.
func (s *Store) address(source string) (origin, string, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", fault.New(fault.Unsupported, source, "", "is no address that files can be fetched from").
			WithRemedy("name a manifest that begins with https://")
	}
	folder := strings.TrimSuffix(u.Path, "/")
	if strings.HasSuffix(folder, ".json") {
		folder = path.Dir(folder)
	} else {
		u.Path = folder + "/" + manifest.FileName
	}
	title := path.Base(folder)
	if folder == "" || title == "/" || title == "." {
		title = u.Hostname()
	}
	return &webOrigin{client: s.client, idle: s.idle, at: u}, NameFor(title), nil
}

func storage(where string, err error) error {
	return dirstore.Fault(where, "cannot be written", err)
}
