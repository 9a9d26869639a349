package site

import (
	"context"
	"io"
)

// Source gives the files of a site.
type Source interface {
	// Find describes a file by its path from the site's root, such as "lib/element.js". The error
	// is fs.ErrNotExist for a file that is not listed.
	Find(ctx context.Context, path string) (File, error)
	// Open reads a stored file from the byte at offset on. The name is the path of a File, with the
	// suffix of an Encoding for a compressed form.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
}

// File describes one file.
type File struct {
	Path   string
	Size   int64  // bytes, without compression
	SHA256 string // of the content, hexadecimal
	// Immutable files have names that change with their content.
	Immutable bool
	// Encodings are the compressed forms that are stored, the preferred one first.
	Encodings []Encoding
}

// Encoding is a stored compressed form of a file.
type Encoding struct {
	Name   string // of Content-Encoding: "br" or "gzip"
	Suffix string // of the stored file: ".br" or ".gz"
	Size   int64  // bytes
}

// identity is the form without compression.
func (f File) identity() Encoding { return Encoding{Size: f.Size} }

// etag is the strong entity tag of a form. Forms of one file differ in their bytes, so their tags
// do.
func (f File) etag(e Encoding) string {
	if e.Name == "" {
		return `"` + f.SHA256 + `"`
	}
	return `"` + f.SHA256 + "-" + e.Name + `"`
}
