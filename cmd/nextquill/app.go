package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"nextquill/cmd/nextquill/internal/mount"
	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
	"nextquill/native/dirstore"
	"nextquill/report"
)

// app is the state that commands share.
type app struct {
	globals
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	open   func(ctx context.Context, g globals, store blob.Store, log io.Writer) (engine, error)
	names  func(blob string) string // display name of a blob in messages; set by newJob
	notes  atomic.Pointer[func(string)]
}

// note shows a message while a command runs. It may be called from any goroutine.
func (a *app) note(text string) {
	if note := a.notes.Load(); note != nil {
		(*note)(text)
		return
	}
	fmt.Fprintln(a.stderr, text)
}

// engine is a client of the core, with the host that runs it.
type engine interface {
	api.Client
	Close() error
}

// terminal is the terminal for results.
func (a *app) terminal() report.Terminal {
	t, _ := ui.Terminal(a.stdout, a.getenv)
	return t
}

// progress goes to stderr, so that results can be piped. With --json everything goes to stdout as
// lines.
func (a *app) progress() ui.Progress {
	if a.JSON {
		return ui.JSON(a.stdout)
	}
	if t, tty := ui.Terminal(a.stderr, a.getenv); tty {
		return ui.Bars(a.stderr, t.Width)
	}
	return ui.Lines(a.stderr)
}

// Names of the folders in the core's blob store.
const (
	modelDir   = "model"
	outDir     = "out"
	inDir      = "in" // inputs from the command line, in memory
	adapterDir = "adapter"
	expertDir  = "expert"
	fromDir    = "from"
	cacheDir   = "cache"
)

// job is one run of a command: its blobs and its engine.
type job struct {
	*app
	table    *mount.Table
	in       *blob.Mem
	engine   engine
	progress ui.Progress
	peak     int64    // the largest GPU memory estimate shown so far
	warned   []string // adapters with a shown warning
	said     []string // lines about texts that were shown
	base     baseModel
}

// newJob mounts the model, the output folder and a memory store for inputs. More folders can be
// mounted before start.
func (a *app) newJob(g globals) (*job, error) {
	a.globals = g
	j := &job{app: a, table: &mount.Table{}, in: &blob.Mem{}, progress: a.progress()}
	a.names = j.table.Path
	note := j.progress.Note
	a.notes.Store(&note)
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

// mountCache mounts the user's cache folder for measured kernel variants, if there is one.
func (j *job) mountCache() error {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil // without a cache the core measures every time
	}
	dir = filepath.Join(dir, "nextquill")
	s, err := dirstore.Open(dir)
	if err == nil {
		j.table.Add(cacheDir, s, dir)
	}
	return err
}

// mountFolder mounts a local folder read-only.
func (j *job) mountFolder(name, path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fault.New(fault.Missing, path, "", "the folder does not exist").WithCause(err).
			WithRemedy("check the path")
	case !info.IsDir() && strings.EqualFold(filepath.Ext(path), ".gguf"):
		return fault.New(fault.Unsupported, path, "", "is a GGUF file, not an adapter in PEFT's format").
			WithRemedy("use the folder with %s and %s that it was converted from", weights.AdapterConfigName,
				weights.AdapterWeightsName)
	case !info.IsDir():
		return fault.New(fault.Mismatch, path, "", "is a file, not a folder").
			WithRemedy("use the folder of an adapter in PEFT's format, with %s", weights.AdapterConfigName)
	}
	s, err := dirstore.Open(path)
	if err != nil {
		return err
	}
	j.table.Add(name, mount.ReadOnly(s), path)
	return nil
}

// mountAdapter makes an adapter's folder readable and returns its blob name. Folders below the
// output folder are already mounted.
func (j *job) mountAdapter(name, path string) (string, error) {
	if rel, err := filepath.Rel(j.Out, path); err == nil && filepath.IsLocal(rel) && rel != "." {
		return blob.Join(outDir, filepath.ToSlash(rel)), nil
	}
	return name, j.mountFolder(name, path)
}

// putInput stores a file's content as an input; source is its name in messages.
func (j *job) putInput(ctx context.Context, name string, data []byte, source string) (string, error) {
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

// call runs a method and shows its progress with a label. summary describes the result. also, if
// not nil, receives each event.
func (j *job) call(ctx context.Context, label, method string, params, result any, summary func() string,
	also func(name string, raw json.RawMessage)) error {
	j.progress.Begin(label)
	err := j.engine.Call(ctx, method, params, result, func(name string, raw json.RawMessage) {
		switch name {
		case api.EventMemory:
			j.showMemory(raw)
		case api.EventTexts:
			j.showTexts(raw)
		case api.EventAdapter:
			j.warnAdapterMismatch(raw)
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
		return ui.WriteJSON(j.stdout, map[string]any{"event": "result", "label": label, "method": method,
			"result": result})
	}
	return nil
}
