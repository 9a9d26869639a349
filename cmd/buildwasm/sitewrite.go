package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/andybalholm/brotli"

	"nextquill/core/fault"
)

// siteManifest lists a site's files.
type siteManifest struct {
	FirstLoad firstLoad  `json:"first_load"`
	Files     []siteFile `json:"files"`
}

// firstLoad is the size of a first visit, in bytes.
type firstLoad struct {
	Brotli  int64 `json:"brotli"`
	Gzip    int64 `json:"gzip"`
	Weights int64 `json:"weights"`
}

// siteFile is a file with its original size and its compressed sizes, which are 0 if compression
// does not make it smaller.
type siteFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Brotli int64  `json:"brotli,omitempty"`
	Gzip   int64  `json:"gzip,omitempty"`
}

// brotli is the compressed size of a file.
func (m siteManifest) brotli(name string) int64 {
	for _, f := range m.Files {
		if f.Path == name {
			return smaller(f.Brotli, f.Size)
		}
	}
	return 0
}

// marker is the file that identifies a folder as a site that this program wrote and may replace.
const marker = "manifest.json"

// write replaces the folder out by the site, with compressed files next to the originals.
func (s *site) write(out string) (siteManifest, error) {
	if err := recoverSite(out); err != nil {
		return siteManifest{}, err
	}
	known, err := previous(out)
	if err != nil {
		return siteManifest{}, err
	}
	if err := s.keepVersions(out); err != nil {
		return siteManifest{}, err
	}
	fresh := out + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return siteManifest{}, err
	}
	var m siteManifest
	for _, name := range sorted(s.files) {
		f, err := s.writeFile(fresh, name, known)
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, f)
		m.FirstLoad.count(f, s.first[name])
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := put(filepath.Join(fresh, marker), append(text, '\n')); err != nil {
		return m, err
	}
	return m, replaceSite(out, fresh)
}

// compressed maps the SHA-256 of a content to its compressed forms. The best brotli takes many
// seconds, and most files are the same as in the last build.
type compressed map[string]forms

// forms are the compressed forms of one content.
type forms struct{ brotli, gzip []byte }

func (f *forms) fill(data []byte) (err error) {
	if f.brotli == nil {
		if f.brotli, err = brotliBest(data); err != nil {
			return err
		}
	}
	if f.gzip == nil {
		f.gzip, err = gzipBest(data)
	}
	return err
}

// previous reads the compressed files in out. It refuses a folder without a manifest, which is not
// a site, if it has files other than those of converted models.
func previous(out string) (compressed, error) {
	known := compressed{}
	text, err := os.ReadFile(filepath.Join(out, marker))
	if err != nil {
		_, others, err := convertedModels(out)
		if err != nil {
			return nil, err
		}
		if len(others) > 0 {
			return nil, fault.New(fault.Mismatch, out, "", "the folder is not empty and has no site").
				WithRemedy("choose another folder, or empty this one")
		}
		return known, nil
	}
	var m siteManifest
	if err := json.Unmarshal(text, &m); err != nil {
		return known, nil // only costs the time to compress again
	}
	for _, f := range m.Files {
		one := known[f.SHA256]
		name := filepath.Join(out, filepath.FromSlash(f.Path))
		if b, err := os.ReadFile(name + ".br"); err == nil && int64(len(b)) == f.Brotli {
			one.brotli = b
		}
		if b, err := os.ReadFile(name + ".gz"); err == nil && int64(len(b)) == f.Gzip {
			one.gzip = b
		}
		known[f.SHA256] = one
	}
	return known, nil
}

// writeFile writes a file, and its compressed forms next to it if they are smaller.
func (s *site) writeFile(fresh, name string, known compressed) (siteFile, error) {
	data := s.files[name]
	f := siteFile{Path: name, Size: int64(len(data)), SHA256: sum(data)}
	target := filepath.Join(fresh, filepath.FromSlash(name))
	if err := put(target, data); err != nil || !compressible(name) {
		return f, err
	}
	forms := known[f.SHA256]
	if err := forms.fill(data); err != nil {
		return f, err
	}
	known[f.SHA256] = forms
	if len(forms.brotli) < len(data) {
		f.Brotli = int64(len(forms.brotli))
		if err := put(target+".br", forms.brotli); err != nil {
			return f, err
		}
	}
	if len(forms.gzip) < len(data) {
		f.Gzip = int64(len(forms.gzip))
		return f, put(target+".gz", forms.gzip)
	}
	return f, nil
}

// count adds a file; first tells whether a first visit fetches it. The weights are downloaded on
// request.
func (l *firstLoad) count(f siteFile, first bool) {
	switch ext := path.Ext(f.Path); {
	case ext == ".safetensors", ext == ".gguf":
		l.Weights += f.Size
	case first:
		l.Brotli += smaller(f.Brotli, f.Size)
		l.Gzip += smaller(f.Gzip, f.Size)
	}
}

func smaller(compressed, size int64) int64 {
	if compressed == 0 {
		return size
	}
	return compressed
}

// compressible tells whether files of this kind get smaller. Weights do not.
func compressible(name string) bool {
	switch path.Ext(name) {
	case ".html", ".js", ".css", ".json", ".jsonl", ".wasm", ".txt", ".svg", ".md":
		return true
	}
	return false
}

func brotliBest(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func gzipBest(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func put(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func sorted(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
