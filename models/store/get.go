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
	// manifest lists the files. Their addresses are for open.
	manifest(ctx context.Context, progress Progress) (manifest.Manifest, error)
	// open reads a shard from byte from on. An origin that cannot do that starts earlier; at is the
	// actual start.
	open(ctx context.Context, piece manifest.Shard, from int64) (body io.ReadCloser, at int64, err error)
	// String describes the origin to users.
	String() string
}

// Get downloads or copies a model into the store and returns it when every file matches its
// manifest. source is the name of a known model, the address of a manifest or of a folder with one,
// or a path: a folder with a manifest, a model folder without one, or a GGUF file. name is the
// model's name in the store; "" derives it from the source.
//
// An interrupted download resumes with the next Get at the byte where it stopped. If the store has
// a model with that name, it is checked, and only files that differ are downloaded. The stored
// model stays unchanged until all files are complete.
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
	w := stagingDir(filepath.Join(s.dir, stagingName, name))
	unlock, err := w.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if o, ok := o.(*wheelOrigin); ok {
		o.dir = w.path("wheel")
	}
	m, err := o.manifest(ctx, progress)
	if err != nil {
		return nil, err
	}
	if stored, err := s.Find(name); err == nil && sameContents(stored.Manifest, m) &&
		stored.Check(ctx, progress) == nil {
		return stored, w.clear()
	}
	if err := w.download(ctx, o, m, filepath.Join(s.dir, name), s.retryPause, progress); err != nil {
		return nil, err
	}
	if err := w.install(m, o.String(), filepath.Join(s.dir, name)); err != nil {
		return nil, err
	}
	return s.Find(name)
}

// sameContents reports whether two manifests list the same contents.
func sameContents(a, b manifest.Manifest) bool {
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

// originOf returns the origin of a source, and a name for the model.
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
		return nil, "", fault.New(fault.Missing, source, "",
			"is neither a local file or folder nor the name of a known model").
			WithRemedy("use one of %s, an address that starts with https://, or a path", strings.Join(names, ", "))
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

// address parses the address of a manifest, or of a folder with one.
func (s *Store) address(source string) (origin, string, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", fault.New(fault.Unsupported, source, "", "is not a supported address").
			WithRemedy("use the https:// address of a manifest")
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
	return &webOrigin{client: s.client, idle: s.idleTimeout, at: u}, NameFor(title), nil
}

func storage(where string, err error) error {
	return dirstore.Fault(where, "cannot be written", err)
}
