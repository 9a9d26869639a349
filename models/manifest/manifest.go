// Package manifest describes the files of a model with sizes and SHA-256 hashes: manifest.json in
// the model's folder. The browser and the command line download models with it and verify them.
// web/module/manifest.ts reads the same format.
//
//	{"name": "tiny", "version": 1, "files": [
//	  {"path": "tokenizer.json", "size": 264303, "sha256": "…"},
//	  {"path": "model.gguf", "size": 30000000, "sha256": "…", "shards": [
//	    {"url": "model.gguf.000", "size": 26214400, "sha256": "…"},
//	    {"url": "model.gguf.001", "size": 3785600, "sha256": "…"}]}]}
package manifest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// FileName is the manifest's name in a model's folder.
const FileName = "manifest.json"

// Version is the only supported version of the format.
const Version = 1

// ShardLimit is the default maximum size of a shard in bytes: the file size limit of the strictest
// static hosts.
const ShardLimit = 25 << 20

// Limits on a manifest. The browser only accepts files below 2³¹ bytes, which its WebAssembly guest
// can address.
const (
	maxBytes  = 1 << 20 // of the JSON
	maxFiles  = 1000
	maxShards = 10_000
	maxFile   = 1 << 40
	maxPath   = 150
	maxName   = 200
)

const remedy = "create the manifest again, or get the model from another source"

// Manifest lists a model's files.
type Manifest struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	// From is the source of a stored model: an address, a package or a folder.
	From string `json:"from,omitempty"`
	// Licence is an SPDX identifier, if known.
	Licence string `json:"license,omitempty"`
	Files   []File `json:"files"`
}

// File is one file of a model.
type File struct {
	Path   string `json:"path"` // in the model's folder; a valid name for blob.CheckName
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	// URL is the file's address relative to the manifest; "" means Path.
	URL string `json:"url,omitempty"`
	// Shards are the parts of a file that is not stored as one, in order.
	Shards []Shard `json:"shards,omitempty"`
}

// Shard is a part of a file.
type Shard struct {
	URL    string `json:"url"` // relative to the manifest
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Pieces returns the file's shards, or the file as its only shard.
func (f File) Pieces() []Shard {
	if len(f.Shards) > 0 {
		return f.Shards
	}
	url := f.URL
	if url == "" {
		url = f.Path
	}
	return []Shard{{url, f.Size, f.SHA256}}
}

// Size is the total size of all files in bytes.
func (m Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Parse reads a manifest and checks every field; where is its name in error messages.
func Parse(where string, data []byte) (Manifest, error) {
	var m Manifest
	if len(data) > maxBytes {
		return m, fault.New(fault.TooLarge, where, "", "%d bytes", len(data)).WithLimit("%d bytes", maxBytes).
			WithRemedy(remedy)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fault.New(fault.Malformed, where, "", "is not a valid model manifest").WithCause(err).
			WithRemedy(remedy)
	}
	if m.Version != Version {
		return m, fault.New(fault.Unsupported, where, "version", "is %d", m.Version).WithLimit("%d", Version).
			WithRemedy(remedy)
	}
	if m.Name == "" {
		m.Name = "model"
	}
	return m, m.check(where)
}

func (m Manifest) check(where string) error {
	if len(m.Files) == 0 || len(m.Files) > maxFiles {
		return fault.New(fault.Malformed, where, "files", "lists %d files", len(m.Files)).
			WithLimit("1 to %d", maxFiles).WithRemedy(remedy)
	}
	for field, text := range map[string]string{"name": m.Name, "from": m.From, "license": m.Licence} {
		if len(text) > maxName && field != "from" || len(text) > maxBytes {
			return fault.New(fault.TooLarge, where, field, "is %s", fault.Quote(text)).WithLimit("%d bytes", maxName).
				WithRemedy(remedy)
		}
	}
	var total int64
	for _, f := range m.Files {
		if err := f.check(where); err != nil {
			return err
		}
		if total += f.Size; total > maxFile {
			return fault.New(fault.TooLarge, where, "files", "have more than %d bytes in total", total).
				WithLimit("%d", int64(maxFile)).WithRemedy(remedy)
		}
	}
	return m.checkPaths(where)
}

// checkPaths rejects paths that collide on a disk: equal except for case, or both a file and a
// folder.
func (m Manifest) checkPaths(where string) error {
	paths := make([]string, len(m.Files))
	for i, f := range m.Files {
		paths[i] = strings.ToLower(f.Path)
	}
	slices.Sort(paths)
	for i, p := range paths {
		if p == FileName {
			return fault.New(fault.Malformed, where, "files", "lists %s, the manifest itself", FileName).
				WithRemedy(remedy)
		}
		if i > 0 && paths[i-1] == p {
			return fault.New(fault.Malformed, where, "files", "lists %s twice", fault.Quote(p)).WithRemedy(remedy)
		}
		if at := slices.IndexFunc(paths, func(q string) bool { return strings.HasPrefix(q, p+"/") }); at >= 0 {
			return fault.New(fault.Malformed, where, "files", "lists %s as a file and as a folder", fault.Quote(p)).
				WithRemedy(remedy)
		}
	}
	return nil
}

func (f File) check(where string) error {
	field := "file " + fault.Quote(f.Path)
	if err := blob.CheckName(f.Path); err != nil {
		return fault.New(fault.OutOfRange, where, field, "is not a path inside the model's folder").WithCause(err).
			WithRemedy(remedy)
	}
	if len(f.Path) > maxPath {
		return fault.New(fault.TooLarge, where, field, "has a path of %d bytes", len(f.Path)).WithLimit("%d", maxPath).
			WithRemedy(remedy)
	}
	if len(f.Shards) > maxShards {
		return fault.New(fault.TooLarge, where, field, "has %d shards", len(f.Shards)).WithLimit("%d", maxShards).
			WithRemedy(remedy)
	}
	if err := checkPiece(where, field, Shard{f.URL, f.Size, f.SHA256}); err != nil {
		return err
	}
	var sum int64
	for _, s := range f.Shards {
		if err := checkPiece(where, field+", shard "+fault.Quote(s.URL), s); err != nil {
			return err
		}
		if s.URL == "" || s.Size == 0 {
			return fault.New(fault.Malformed, where, field, "has an empty shard or a shard without a url").
				WithRemedy(remedy)
		}
		if sum += s.Size; sum > f.Size {
			break
		}
	}
	if len(f.Shards) > 0 && sum != f.Size {
		return fault.New(fault.Mismatch, where, field, "has %d bytes, but its shards have another total size", f.Size).
			WithRemedy(remedy)
	}
	return nil
}

func checkPiece(where, field string, s Shard) error {
	if s.Size < 0 || s.Size > maxFile {
		return fault.New(fault.OutOfRange, where, field, "has %d bytes", s.Size).WithLimit("0 to %d", int64(maxFile)).
			WithRemedy(remedy)
	}
	if len(s.SHA256) != 64 || strings.Trim(s.SHA256, "0123456789abcdef") != "" {
		return fault.New(fault.Malformed, where, field, "sha256 is %s", fault.Quote(s.SHA256)).
			WithLimit("64 hexadecimal digits").WithRemedy(remedy)
	}
	return nil
}

// Encode returns the manifest as JSON.
func (m Manifest) Encode() []byte {
	m.Version = Version
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		panic(err) // strings and numbers cannot fail
	}
	return b.Bytes()
}
