package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"nextquill/cmd/nextquill/internal/mount"
	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
	"nextquill/report"
)

// app is what commands share.
type app struct {
	globals
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	open   func(ctx context.Context, g globals, store blob.Store, log io.Writer) (engine, error)
	names  func(blob string) string // what a blob is called in messages; set by newJob
	notes  atomic.Pointer[func(string)]
}

// note tells the person something while a command runs. It may be called from any goroutine.
func (a *app) note(text string) {
	if say := a.notes.Load(); say != nil {
		(*say)(text)
		return
	}
	fmt.Fprintln(a.stderr, text)
}

// engine is a session and the machine it runs on.
type engine interface {
	api.Client
	Close() error
}

// terminal is where results go.
func (a *app) terminal() report.Terminal {
	t, _ := ui.Terminal(a.stdout, a.getenv)
	return t
}

// progress goes to stderr, so that results can be piped; with --json everything goes to stdout as lines.
func (a *app) progress() ui.Progress {
	if a.JSON {
		return ui.JSON(a.stdout)
	}
	if t, tty := ui.Terminal(a.stderr, a.getenv); tty {
		return ui.Bars(a.stderr, t.Width)
	}
	return ui.Lines(a.stderr)
}

// Names of the folders that a session sees.
const (
	modelDir   = "model"
	outDir     = "out"
	inDir      = "in" // what the command line hands over, in memory
	adapterDir = "adapter"
	expertDir  = "expert"
	fromDir    = "from"
	cacheDir   = "cache"
)

// job is one run of a command: its blobs and its session.
type job struct {
	*app
	table    *mount.Table
	in       *blob.Mem
	engine   engine
	progress ui.Progress
	peak     int64    // the largest estimate of GPU memory that was shown
	told     []string // of adapters
	base     baseModel
}

// newJob mounts the model, the output folder and the memory for inputs. Further folders are mounted before start.
func (a *app) newJob(g globals) (*job, error) {
	a.globals = g
	j := &job{app: a, table: &mount.Table{}, in: &blob.Mem{}, progress: a.progress()}
	a.names = j.table.Path
	say := j.progress.Note
	a.notes.Store(&say)
	j.table.Add(inDir, j.in, "")
	if err := j.mountModel(); err != nil {
		return nil, err
	}
	out, err := dirstore.Open(a.Out)
	if err != nil {
		return nil, err
	}
	j.table.Add(outDir, out, a.Out)
	return j, j.mountCache()
}

// mountCache gives the session a folder for the kernel variants that it measured, where this user has one.
func (j *job) mountCache() error {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil // then it measures each time
	}
	dir = filepath.Join(dir, "nextquill")
	s, err := dirstore.Open(dir)
	if err == nil {
		j.table.Add(cacheDir, s, dir)
	}
	return err
}

// mountFolder lets the session read a folder of the machine.
func (j *job) mountFolder(name, path string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return fault.New(fault.Missing, path, "", "there is no such folder").WithCause(err).WithRemedy("check the path")
	}
	s, err := dirstore.Open(path)
	if err != nil {
		return err
	}
	j.table.Add(name, mount.ReadOnly(s), path)
	return nil
}

// mountAdapter makes an adapter's folder readable and gives its blob name. One below the output folder is there already.
func (j *job) mountAdapter(name, path string) (string, error) {
	if rel, err := filepath.Rel(j.Out, path); err == nil && filepath.IsLocal(rel) && rel != "." {
		return blob.Join(outDir, filepath.ToSlash(rel)), nil
	}
	return name, j.mountFolder(name, path)
}

// give hands a file's content to the session; source is what messages call it.
func (j *job) give(ctx context.Context, name string, data []byte, source string) (string, error) {
	full := blob.Join(inDir, name)
	j.table.Call(full, source)
	return full, j.in.Write(ctx, name, data)
}

// start opens the engine. The caller closes the job.
func (j *job) start(ctx context.Context) error {
	if err := j.checkModel(ctx); err != nil {
		return err
	}
	e, err := j.open(ctx, j.globals, j.table, j.stderr)
	j.engine = e
	return err
}

// close frees the GPU.
func (j *job) close() error {
	if j.engine == nil {
		return nil
	}
	return j.engine.Close()
}

// call runs a method under a label of the progress; summary says what the result came to. also, when set, sees each event.
func (j *job) call(ctx context.Context, label, method string, params, result any, summary func() string, also func(name string, raw json.RawMessage)) error {
	j.progress.Begin(label)
	err := j.engine.Call(ctx, method, params, result, func(name string, raw json.RawMessage) {
		switch name {
		case "memory":
			j.noteMemory(raw)
		case "adapter":
			j.noteAdapter(raw)
		}
		j.progress.Event(name, raw)
		if also != nil {
			also(name, raw)
		}
	})
	if err != nil {
		why := "failed"
		if fault.KindOf(err) == fault.Cancelled {
			why = "stopped"
		}
		j.progress.End(why, true)
		return err
	}
	j.progress.End(summary(), false)
	if j.JSON {
		return ui.WriteJSON(j.stdout, map[string]any{"event": "result", "label": label, "method": method, "result": result})
	}
	return nil
}
