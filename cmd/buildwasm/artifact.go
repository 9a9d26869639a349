package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"nextquill/wasm/guest"
)

// importModule is the built import module.
const importModule = "build/nextquill-import.wasm"

// artifact is a built guest.
type artifact struct {
	path   string
	size   int64
	zipped int64 // size in gzip
	sha256 string
}

func (a artifact) String() string {
	return fmt.Sprintf("%s  %.2f MiB (%.2f MiB gzipped)  sha256 %s", a.path, mib(a.size), mib(a.zipped), a.sha256)
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// buildGuest builds a guest into the file out, relative to the root of the repository.
func buildGuest(ctx context.Context, pkg, out string) (artifact, error) {
	root, err := guest.Root(ctx)
	if err != nil {
		return artifact{}, err
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return artifact{}, err
	}
	if err := guest.Build(ctx, pkg, out, os.Stderr); err != nil {
		return artifact{}, err
	}
	return describe(out)
}

func describe(path string) (artifact, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return artifact{}, err
	}
	zipped, err := gzipBest(data)
	return artifact{path, int64(len(data)), int64(len(zipped)), sum(data)}, err
}
