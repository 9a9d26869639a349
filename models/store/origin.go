package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/convert"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// webOrigin is a manifest at an address.
type webOrigin struct {
	client *http.Client
	idle   time.Duration // timeout of a response without data
	at     *url.URL
}

func (o *webOrigin) String() string { return o.at.Redacted() }

func (o *webOrigin) manifest(ctx context.Context, _ Progress) (m manifest.Manifest, err error) {
	body, _, err := o.get(ctx, o.at, 0)
	var f *fault.Error
	if errors.As(err, &f) && strings.Contains(f.Detail, "responds 404") {
		f.Remedy = "use the address of a manifest, or of a folder with one; `nextquill model convert` writes them"
	}
	if err != nil {
		return m, err
	}
	defer body.Close()
	const limit = 1 << 20
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return m, fault.New(fault.Missing, o.String(), "", "the connection was interrupted").WithCause(err).
			WithRemedy("try again")
	}
	if m, err = manifest.Parse(o.String(), data); err != nil {
		return m, err
	}
	for _, f := range m.Files {
		for _, p := range f.Pieces() {
			if _, err := o.resolve(p.URL); err != nil {
				return m, err
			}
		}
	}
	return m, nil
}

// resolve returns a shard's absolute address. It allows only http and https, whatever the manifest
// says.
func (o *webOrigin) resolve(ref string) (*url.URL, error) {
	u, err := o.at.Parse(ref)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Unsupported, o.String(), "url", "%s is not an http or https address",
			fault.Quote(ref)).
			WithRemedy("create the manifest again, or get the model from another source")
	}
	return u, nil
}

func (o *webOrigin) open(ctx context.Context, piece manifest.Shard, from int64) (io.ReadCloser, int64, error) {
	u, err := o.resolve(piece.URL)
	if err != nil {
		return nil, 0, &finalError{err}
	}
	return o.get(ctx, u, from)
}

func (o *webOrigin) get(ctx context.Context, u *url.URL, from int64) (io.ReadCloser, int64, error) {
	live, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(live, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel()
		return nil, 0, err
	}
	request.Header.Set("User-Agent", "nextquill")
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	response, err := o.client.Do(request)
	if err != nil {
		cancel()
		return nil, 0, fault.New(fault.Missing, u.Redacted(), "", "cannot be reached").WithCause(unwrapURL(err)).
			WithRemedy("check the address and the connection, and try again: the download resumes")
	}
	switch {
	case response.StatusCode == http.StatusOK:
		return newIdleReader(response.Body, o.idle, cancel), 0, nil
	case response.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)):
		return newIdleReader(response.Body, o.idle, cancel), from, nil
	}
	response.Body.Close()
	cancel()
	if response.StatusCode == http.StatusRequestedRangeNotSatisfiable && from > 0 {
		return o.get(ctx, u, 0) // the file is now shorter than the downloaded part
	}
	f := fault.New(fault.Missing, u.Redacted(), "", "the server responds %s", response.Status).
		WithRemedy("check the address")
	if s := response.StatusCode; s >= 400 && s < 500 && s != http.StatusRequestTimeout &&
		s != http.StatusTooManyRequests {
		return nil, 0, &finalError{f}
	}
	return nil, 0, f
}

// unwrapURL removes the address, which http's errors repeat.
func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// diskOrigin is a local folder: with a manifest, or with files that are taken as they are.
type diskOrigin struct {
	dir   string
	path  string // the path that the user gave
	store *dirstore.Store
	model *manifest.Manifest // nil if there is none
	only  string             // the GGUF file that the user named, if any
}

func newDiskOrigin(path string) (*diskOrigin, error) {
	o := &diskOrigin{dir: path, path: path}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		o.dir, o.only = filepath.Dir(path), filepath.Base(path)
	}
	var err error
	if o.store, err = dirstore.Open(o.dir); err != nil || o.only != "" {
		return o, err
	}
	file := filepath.Join(o.dir, manifest.FileName)
	data, err := os.ReadFile(file)
	if err != nil {
		return o, nil // OpenModel determines the other files
	}
	m, err := manifest.Parse(file, data)
	if err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		for _, p := range f.Pieces() {
			if blob.CheckName(p.URL) != nil {
				return nil, fault.New(fault.OutOfRange, file, "url", "%s is not a path inside the model's folder",
					fault.Quote(p.URL)).
					WithRemedy("get the model from its web address")
			}
		}
	}
	o.model = &m
	return o, nil
}

func (o *diskOrigin) String() string { return o.path }

func (o *diskOrigin) manifest(ctx context.Context, progress Progress) (manifest.Manifest, error) {
	if o.model != nil {
		return *o.model, nil
	}
	names, err := convert.Files(ctx, o.store, o.only)
	if err != nil {
		return manifest.Manifest{}, err
	}
	var done, total int64
	for _, name := range names {
		n, err := o.store.Size(ctx, name)
		if err != nil {
			return manifest.Manifest{}, err
		}
		total += n
	}
	return manifest.Of(ctx, filepath.Base(o.path), o.store, names, func(n int64) {
		done += n
		progress.report("read", o.path, done, total)
	})
}

func (o *diskOrigin) open(_ context.Context, piece manifest.Shard, from int64) (io.ReadCloser, int64, error) {
	f, err := os.Open(filepath.Join(o.dir, filepath.FromSlash(piece.URL)))
	if err == nil {
		_, err = f.Seek(from, io.SeekStart)
	}
	if err != nil {
		return nil, 0, &finalError{fault.New(fault.Missing, o.path, piece.URL, "cannot be read").WithCause(err).
			WithRemedy("the folder is incomplete: get the model from its original source")}
	}
	return f, from, nil
}
