package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/samples"
)

// Files in the output folder with the texts of the last run. write and explain use them by default.
const (
	historyFile = "history.jsonl"
	heldoutFile = "heldout.jsonl"
)

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Missing, path, "", "the file does not exist").WithRemedy("check the path")
	}
	return fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).
		WithRemedy("check the file's permissions")
}

// sampleTexts returns the training and test texts of the sample writer.
func sampleTexts() (training, heldout []history.Item, err error) {
	read := func(name string) ([]history.Item, error) {
		f, err := samples.Bierce().Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return history.ReadJSONL(f, name, history.Limits{})
	}
	if training, err = read(historyFile); err != nil {
		return nil, nil, err
	}
	heldout, err = read(heldoutFile)
	return training, heldout, err
}

// corpus is a writer's texts as one command uses them.
type corpus struct {
	source         api.Source
	train, heldout []history.Item // heldout is nil if the core splits it off
}

// untested reports whether every held-out text is a copy of a training text. The core leaves those
// out, so nothing is tested.
func (c corpus) untested() bool {
	unseen, copies := history.Unseen(c.train, c.heldout)
	return copies > 0 && len(unseen) == 0
}

// putCorpus stores texts as inputs. With keep it also saves a copy in the output folder.
func (j *job) putCorpus(ctx context.Context, training, heldout []history.Item, source string, keep bool) (corpus,
	error) {
	c := corpus{train: training, heldout: heldout}
	put := func(name string, items []history.Item) (string, error) {
		if keep && len(items) > 0 {
			if err := j.table.Write(ctx, outDir+"/"+name, jsonl(items)); err != nil {
				return "", err
			}
		}
		return j.putTexts(ctx, name, items, source)
	}
	var err error
	if c.source.History, err = put(historyFile, training); err != nil {
		return c, err
	}
	c.source.Heldout, err = put(heldoutFile, heldout)
	return c, err
}

// putTexts stores texts as a blob. It returns "" if there are none.
func (j *job) putTexts(ctx context.Context, name string, items []history.Item, source string) (string, error) {
	if len(items) == 0 {
		return "", nil
	}
	return j.putInput(ctx, name, jsonl(items), source)
}

func jsonl(items []history.Item) []byte {
	var b bytes.Buffer
	if err := history.WriteJSONL(&b, items); err != nil {
		panic(err) // writes to memory cannot fail
	}
	return b.Bytes()
}

// corpusFor returns the texts for a command that uses an adapter: the given ones, or those of the
// last run.
func (j *job) corpusFor(ctx context.Context, path string, flags importFlags) (corpus, error) {
	if path != "" {
		items, err := j.readTexts(path, flags)
		if err != nil {
			return corpus{}, err
		}
		return j.putCorpus(ctx, items, nil, path, false)
	}
	path = filepath.Join(j.Out, historyFile)
	training, err := readExchange(path)
	if errors.Is(err, fault.Missing) {
		return corpus{}, fault.New(fault.Missing, path, "", "there are no texts of an earlier run").
			WithRemedy("set the writer's texts with --history, or run `nextquill run` or `nextquill personalize` first")
	}
	if err != nil {
		return corpus{}, err
	}
	heldout, err := readExchange(filepath.Join(j.Out, heldoutFile))
	if err != nil && !errors.Is(err, fault.Missing) {
		return corpus{}, err
	}
	return j.putCorpus(ctx, training, heldout, path, false)
}

// fields converts the context of a history item to that of a request.
func fields(in []history.Field) []api.Field {
	out := make([]api.Field, len(in))
	for i, f := range in {
		out[i] = api.Field(f)
	}
	return out
}

// request builds the context of a text from the flags. text, if not "", is the value of the first
// field of the writer's texts ("word" in the sample).
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
				WithRemedy(`use the form --context part=noun`)
		}
		out = append(out, api.Field{Name: name, Value: value})
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Missing, "request", "", "there is nothing to write about").
			WithRemedy(`add a text, for example: nextquill write "ambition", or --context NAME=VALUE`)
	}
	return out, nil
}

// adapterFor returns the blob name of the adapter to use: the given one, or that of the last run.
// "none" is the base model.
func (j *job) adapterFor(path string) (string, error) {
	switch path {
	case "none":
		return "", nil
	case "":
		path = filepath.Join(j.Out, api.AdapterFolder)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", fault.New(fault.Missing, path, "", "there is no trained adapter yet").
				WithRemedy("run `nextquill run` or `nextquill personalize` first, set an adapter with --adapter, " +
					"or use the base model with --adapter none")
		}
	}
	return j.mountAdapter(adapterDir, path)
}
