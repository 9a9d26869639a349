package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"nextquill/edge/site"
	"nextquill/edge/workerd"
	"nextquill/wasm/guest"
)

// fixture is what the checks work on.
type fixture struct {
	options  options
	root     string
	dist     string
	manifest site.Manifest
	worker   *workerd.Worker // in Go
	plain    *workerd.Worker // in JavaScript
}

func run(ctx context.Context, o options) error {
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	f := &fixture{options: o, root: root, dist: filepath.Join(root, "dist")}
	text, err := os.ReadFile(filepath.Join(f.dist, site.ManifestName))
	if err != nil {
		return fmt.Errorf("%w: run make site first", err)
	}
	sum := sha256.Sum256(text)
	if f.manifest, err = site.ParseManifest(text, hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	state, err := os.MkdirTemp("", "edgetest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	if err := putModel(ctx, root, state); err != nil {
		return err
	}
	if f.worker, err = workerd.Start(ctx, root, "wrangler.toml", state); err != nil {
		return err
	}
	defer f.worker.Stop()
	if f.plain, err = workerd.Start(ctx, root, "../cmd/edgetest/plain/wrangler.toml", state); err != nil {
		return err
	}
	defer f.plain.Stop()

	failed := 0
	for _, check := range []struct {
		name, about string
		run         func(context.Context, *fixture) (string, error)
	}{
		{"size", "what is uploaded", uploadSize},
		{"files", "every file, in every form, by its SHA-256", everyFile},
		{"ranges", "ranges and conditions", rangesAndConditions},
		{"methods", "every method that is neither GET nor HEAD, on every path", methods},
		{"hostile", "hostile requests", hostileRequests},
		{"bucket", "a model from the bucket", bucketModel},
		{"load", "load", load},
		{"latency", "latency next to a Worker in JavaScript", latency},
	} {
		if len(o.Only) > 0 && !slices.Contains(o.Only, check.name) {
			continue
		}
		began := time.Now()
		note, err := check.run(ctx, f)
		mark := "ok  "
		if err != nil {
			failed++
			mark, note = "FAIL", err.Error()
		}
		fmt.Printf("%s  %s (%.1f s)  %s\n", mark, check.about, time.Since(began).Seconds(), note)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d checks failed; the log of the Worker:\n%s", failed, f.worker.Log())
	}
	return nil
}
