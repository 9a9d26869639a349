// Package store keeps models in a folder of the user's: it gets them from a package, an address or a folder, checks every byte
// against a manifest, and hands out none that is not whole.
//
// A model lies in a folder of its name, with a manifest.json; what is on its way lies below .partial until it is whole, and then
// takes its place in one rename.
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
	// pause is how long to wait before a try after a break; it grows with each.
	pause time.Duration
	// idle is how long a server may send nothing in the middle of an answer.
	idle time.Duration
}

// Open gives the store in a folder, which need not be there yet.
func Open(dir string) *Store {
	return &Store{dir: dir, client: &http.Client{Transport: transport(), CheckRedirect: redirect}, pause: 500 * time.Millisecond, idle: time.Minute}
}

// redirect follows a server's word, but not from a connection that nobody can alter to one that anybody can: a manifest has no sum.
func redirect(to *http.Request, via []*http.Request) error {
	if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return fmt.Errorf("it sends us on to %s, which is not encrypted", to.URL.Redacted())
	}
	if len(via) >= 10 {
		return errors.New("it sends us on and on")
	}
	return nil
}

// transport gives up on a server that is silent, but not on one that is slow.
func transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.DisableCompression = true // a range of a compressed answer is no range of the file
	return t
}

// DefaultDir is where models are kept when nothing else is said: data of the user's, by the custom of the system.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nextquill", "models"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New(fault.Missing, "models", "", "there is no home folder to keep models in").WithCause(err).
			WithRemedy("name a folder by --models or NEXTQUILL_MODELS")
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

// partial is the folder of what is on its way. Its name is none of a model.
const partial = ".partial"

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// IsName tells whether a text can be a model's name: small letters, digits, and . _ - inside.
func IsName(name string) bool {
	return nameForm.MatchString(name) && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, ".gguf")
}

// checkName keeps names from being paths.
func checkName(name string) error {
	if IsName(name) {
		return nil
	}
	return fault.New(fault.OutOfRange, "", "model", "%s is no name", fault.Quote(name)).
		WithLimit("64 small letters, digits, and . _ - between them").WithRemedy("choose another one by --name")
}

// NameFor makes a name of a file's, folder's or model's title.
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

// Model is a model that is kept.
type Model struct {
	Name     string
	Dir      string
	Manifest manifest.Manifest
	files    blob.Store // of its folder, as the manifest lists them
}

// Files are the model's files, and no others that may lie beside them. Nothing is checked; see Use.
func (m *Model) Files() blob.Store { return m.files }

// Find gives a model by name without reading more than its manifest; fault.Missing when there is none.
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
		return nil, missing(name)
	}
	if err != nil {
		return nil, fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).WithRemedy("check the file's permissions")
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

func missing(name string) error {
	return fault.New(fault.Missing, "", "model", "there is none of the name %s", fault.Quote(name)).
		WithRemedy("`nextquill model list` shows those that are there")
}

// OpenFolder gives the model of a folder that has a manifest, wherever it lies; fault.Missing when it has none.
func OpenFolder(dir string) (*Model, error) { return openFolder(filepath.Base(dir), dir) }

// List gives the models in the order of their names. A folder whose manifest is broken comes with the fault that says so.
func (s *Store) List() ([]*Model, []error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{fault.New(fault.Storage, s.dir, "", "cannot be read").WithCause(err).WithRemedy("check the folder's permissions")}
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

// Progress hears what is being done: a stage, the bytes done of so many, and the file they are of.
type Progress func(stage, file string, done, total int64)

// Check reads all of a model's files and compares them with the manifest. The error joins one for each file that is another.
func (m *Model) Check(ctx context.Context, progress Progress) error {
	var done int64
	var wrong []error
	for _, f := range m.Manifest.Files {
		err := f.Check(ctx, m.files, func(n int64) {
			done += n
			progress.tell("verify", f.Path, done, m.Manifest.Size())
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

func (p Progress) tell(stage, file string, done, total int64) {
	if p != nil {
		p(stage, file, done, total)
	}
}

// Remove deletes a model and what is left of its downloads, and tells which folders they were. It follows no link: a model's
// folder that is a link is unlinked, and stays where it points.
func (s *Store) Remove(name string) (removed []string, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	w := workshop(filepath.Join(s.dir, partial, name))
	if _, err := os.Lstat(string(w)); err == nil {
		unlock, err := w.lock() // not while it is being fetched
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
			return removed, fault.New(fault.Storage, dir, "", "cannot be removed").WithCause(err).WithRemedy("check the folder's permissions")
		}
		removed = append(removed, dir)
	}
	if len(removed) == 0 {
		return nil, missing(name)
	}
	return removed, nil
}

// Unfinished lists the names of models that are on their way.
func (s *Store) Unfinished() []string {
	entries, _ := os.ReadDir(filepath.Join(s.dir, partial))
	var names []string
	for _, e := range entries {
		if e.IsDir() && IsName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
