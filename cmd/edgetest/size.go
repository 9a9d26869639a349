package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"nextquill/edge/workerd"
)

// maxUpload bounds the Worker's size in bytes of gzip, which is how Cloudflare counts: 3 MB on its
// free plan.
const maxUpload = 3_000_000

// uploadSize has wrangler write what `wrangler deploy` would upload, and measures it.
func uploadSize(ctx context.Context, f *fixture) (string, error) {
	dir, err := os.MkdirTemp("", "edgetest-upload")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	deploy := workerd.Wrangler(ctx, f.root, "deploy", "--dry-run", "--outdir", dir)
	if output, err := deploy.CombinedOutput(); err != nil {
		return "", fmt.Errorf("wrangler deploy --dry-run: %w\n%s", err, output)
	}
	var size counter
	w, err := gzip.NewWriterLevel(&size, gzip.DefaultCompression)
	if err != nil {
		return "", err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".map" || ext == ".md" {
			continue // wrangler writes them for people and uploads neither
		}
		if err := appendFile(w, name); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	if size > maxUpload {
		return "", fmt.Errorf("%d bytes in gzip, more than %d", size, maxUpload)
	}
	return fmt.Sprintf("%d bytes in gzip", size), nil
}

type counter int

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func appendFile(w io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}
