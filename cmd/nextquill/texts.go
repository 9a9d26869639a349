package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/samples"
)

// Files in the output folder that remember what was learnt from, so that write and explain need not be told again.
const (
	historyFile = "history.jsonl"
	heldoutFile = "heldout.jsonl"
)

// readTexts imports a writer's texts from a file or folder, by its ending.
func readTexts(path string) ([]history.Item, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if info.IsDir() {
		return history.ReadMarkdown(os.DirFS(path), path, history.Limits{})
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	return parseTexts(f, path, info)
}

func parseTexts(r io.Reader, path string, info fs.FileInfo) ([]history.Item, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson":
		return history.ReadJSONL(r, path, history.Limits{})
	case ".csv":
		return history.ReadCSV(r, path, history.Limits{})
	case ".txt", ".text":
		return history.ReadText(r, path, false, info.ModTime(), history.Limits{})
	}
	return nil, fault.New(fault.Unsupported, path, "file ending", "%s is not known", fault.Quote(filepath.Ext(path))).
		WithRemedy("use .jsonl, .csv or .txt, or name a folder of .md files")
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Missing, path, "", "there is no such file").WithRemedy("check the path")
	}
	return fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).WithRemedy("check the file's permissions")
}

// sampleTexts are the texts of the sample writer: to learn from, and to judge by.
func sampleTexts() (learn, heldout []history.Item, err error) {
	read := func(name string) ([]history.Item, error) {
		f, err := samples.Bierce().Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return history.ReadJSONL(f, name, history.Limits{})
	}
	if learn, err = read(historyFile); err != nil {
		return nil, nil, err
	}
	heldout, err = read(heldoutFile)
	return learn, heldout, err
}

// corpus is a writer's texts as one command uses them.
type corpus struct {
	source         api.Source
	learn, heldout []history.Item // heldout is nil where the session splits it off
}

// giveCorpus hands texts over to the session, and leaves a copy in the output folder when keep is set.
func (j *job) giveCorpus(ctx context.Context, learn, heldout []history.Item, source string, keep bool) (corpus, error) {
	c := corpus{learn: learn, heldout: heldout}
	put := func(name string, items []history.Item) (string, error) {
		if keep && len(items) > 0 {
			if err := j.table.Write(ctx, outDir+"/"+name, jsonl(items)); err != nil {
				return "", err
			}
		}
		return j.giveTexts(ctx, name, items, source)
	}
	var err error
	if c.source.History, err = put(historyFile, learn); err != nil {
		return c, err
	}
	c.source.Heldout, err = put(heldoutFile, heldout)
	return c, err
}

// giveTexts hands texts over as a blob; none give no blob.
func (j *job) giveTexts(ctx context.Context, name string, items []history.Item, source string) (string, error) {
	if len(items) == 0 {
		return "", nil
	}
	return j.give(ctx, name, jsonl(items), source)
}

func jsonl(items []history.Item) []byte {
	var b bytes.Buffer
	if err := history.WriteJSONL(&b, items); err != nil {
		panic(err) // memory takes every write
	}
	return b.Bytes()
}

// corpusFor finds the texts for a command that uses an adapter: those it is given, else those of the last run.
func (j *job) corpusFor(ctx context.Context, path string) (corpus, error) {
	if path != "" {
		items, err := readTexts(path)
		if err != nil {
			return corpus{}, err
		}
		return j.giveCorpus(ctx, items, nil, path, false)
	}
	learnt := filepath.Join(j.Out, historyFile)
	learn, err := readTexts(learnt)
	if errors.Is(err, fault.Missing) {
		return corpus{}, fault.New(fault.Missing, learnt, "", "there are no texts of an earlier run").
			WithRemedy("name the writer's texts by --history, or run `nextquill run` or `nextquill personalize` first")
	}
	if err != nil {
		return corpus{}, err
	}
	heldout, err := readTexts(filepath.Join(j.Out, heldoutFile))
	if err != nil && !errors.Is(err, fault.Missing) {
		return corpus{}, err
	}
	return j.giveCorpus(ctx, learn, heldout, learnt, false)
}

// fields turns context of the history into that of a request.
func fields(in []history.Field) []api.Field {
	out := make([]api.Field, len(in))
	for i, f := range in {
		out[i] = api.Field(f)
	}
	return out
}

// request builds the context of a text from the flags; text, if any, is the value of the first field that the writer's texts
// have ("word" in the sample), and stands first.
func (c contextFlags) request(text string, items []history.Item) ([]api.Field, error) {
	var out []api.Field
	if text != "" {
		name := "prompt"
		for _, it := range items {
			if len(it.Context) > 0 {
				name = it.Context[0].Name
				break
			}
		}
		out = append(out, api.Field{Name: name, Value: text})
	}
	for _, pair := range c.Context {
		name, value, ok := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fault.New(fault.Malformed, "--context", "", "%s is not NAME=VALUE", fault.Quote(pair)).
				WithRemedy(`write it as --context part=noun`)
		}
		out = append(out, api.Field{Name: name, Value: value})
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Missing, "request", "", "nothing to write about was given").
			WithRemedy(`give a text, such as nextquill write "ambition", or --context NAME=VALUE`)
	}
	return out, nil
}

// adapterFor gives the blob name of the adapter to use: the one named, else that of the last run; "none" is the base model.
func (j *job) adapterFor(path string) (string, error) {
	switch path {
	case "none":
		return "", nil
	case "":
		path = filepath.Join(j.Out, "adapter")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", fault.New(fault.Missing, path, "", "nothing was learnt yet").
				WithRemedy("run `nextquill run` or `nextquill personalize` first, name an adapter by --adapter, or use the base model by --adapter none")
		}
	}
	return j.mountAdapter(adapterDir, path)
}
