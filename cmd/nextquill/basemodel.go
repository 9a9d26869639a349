package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"nextquill/cmd/nextquill/internal/mount"
	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/models/manifest"
	"nextquill/models/store"
	"nextquill/native/dirstore"
	"nextquill/report"
)

// baseModel is a resolved model: its files, their folder, and its manifest if it has one.
type baseModel struct {
	files  blob.Store
	source string
	stored *store.Model // nil if there is no manifest
}

// modelStore returns the store of the user's models.
func modelStore(dir string, getenv func(string) string) (*store.Store, error) {
	if dir == "" {
		var err error
		if dir, err = store.DefaultDir(getenv); err != nil {
			return nil, err
		}
	}
	return store.Open(dir), nil
}

// resolveModel finds a model: the embedded one for "" or "default", a stored one by name, others by
// path. A text with a slash, or that ends in .gguf, is a path.
func resolveModel(known *store.Store, name string) (baseModel, error) {
	if name == "" || name == "default" {
		return baseModel{files: blob.FromFS(models.DefaultFS())}, nil
	}
	if store.IsName(name) {
		stored, err := known.Find(name)
		if err == nil {
			return baseModel{stored.Files(), stored.Dir, stored}, nil
		}
		if !errors.Is(err, fault.Missing) {
			return baseModel{}, err
		}
	}
	info, err := os.Stat(name)
	switch {
	case err != nil && store.IsKnown(name):
		return baseModel{}, fault.New(fault.Missing, "model", "", "%s is not downloaded yet", name).
			WithRemedy("download it first: nextquill model get %s", name)
	case err != nil && !strings.ContainsAny(name, `/\`):
		return baseModel{}, fault.New(fault.Missing, "model", "", "%s is neither a stored model nor a folder or file",
			fault.Quote(name)).
			WithRemedy("check the path; `nextquill model list` shows the stored models")
	case err != nil:
		return baseModel{}, fault.New(fault.Missing, name, "", "the folder does not exist").WithCause(err).
			WithRemedy("check the path")
	case !info.IsDir():
		return openSingleFile(name)
	}
	stored, err := store.OpenFolder(name)
	if err == nil {
		return baseModel{stored.Files(), name, stored}, nil
	}
	if !errors.Is(err, fault.Missing) {
		return baseModel{}, err
	}
	s, err := dirstore.Open(name)
	return baseModel{files: mount.ReadOnly(s), source: name}, err
}

// openSingleFile presents a GGUF file as a folder.
func openSingleFile(path string) (baseModel, error) {
	dir, file := splitPath(path)
	if file == manifest.FileName {
		return resolveModel(nil, dir+string(filepath.Separator))
	}
	if !strings.EqualFold(filepath.Ext(file), ".gguf") {
		return baseModel{}, fault.New(fault.Unsupported, path, "", "is not a supported model").
			WithRemedy("use a GGUF file, or a model folder with safetensors files")
	}
	s, err := dirstore.Open(dir)
	return baseModel{files: mount.Only(s, file), source: dir}, err
}

// mountModel mounts the base model for the core.
func (j *job) mountModel() error {
	stored, err := modelStore(j.Models, j.getenv)
	if err != nil {
		return err
	}
	m, err := resolveModel(stored, j.Model)
	if err != nil {
		return err
	}
	j.base = m
	j.table.Add(modelDir, m.files, m.source)
	return nil
}

// progressBytes is the size from which hashing shows its progress.
const progressBytes = 256 << 20

// checkModel verifies the base model's files against its manifest on every use. Hashing is fast
// compared with what follows.
func (j *job) checkModel(ctx context.Context) error {
	if j.base.stored == nil {
		return nil
	}
	if j.base.stored.Manifest.Size() < progressBytes {
		return j.modelMismatch(j.base.stored.Check(ctx, nil))
	}
	return j.transfer("check the model", func(onProgress store.Progress) (string, error) {
		return "complete", j.modelMismatch(j.base.stored.Check(ctx, onProgress))
	})
}

// modelMismatch tells how to repair a stored model.
func (j *job) modelMismatch(err error) error {
	if !errors.Is(err, fault.Mismatch) && !errors.Is(err, fault.Missing) {
		return err
	}
	again := j.base.stored.Name
	if from := j.base.stored.Manifest.From; from != "" && !store.IsKnown(again) {
		again = fmt.Sprintf("%s --name %s", from, again)
	}
	return fault.New(fault.Mismatch, j.Model, "", "the model does not match its manifest and is not used").
		WithCause(err).
		WithRemedy("get it again, which downloads the altered files: nextquill model get %s", again)
}

// transfer shows the progress of a copy or a check.
func (j *job) transfer(label string, do func(store.Progress) (summary string, err error)) error {
	return transfer(j.progress, label, do)
}

func transfer(p ui.Progress, label string, do func(store.Progress) (summary string, err error)) error {
	p.Begin(label)
	var limit throttle
	summary, err := do(func(stage, file string, done, total int64) {
		if !limit.due(stage, done >= total) {
			return
		}
		raw, err := json.Marshal(ui.BytesEvent{Event: "bytes", Stage: stage, File: file, Done: done, Total: total})
		if err == nil {
			p.Event("bytes", raw)
		}
	})
	if err != nil {
		why := "failed"
		if fault.KindOf(err) == fault.Cancelled {
			why = "stopped"
		}
		p.End(why, true)
		return err
	}
	p.End(summary, false)
	return nil
}

// size formats a number of bytes.
func size(n int64) string { return report.Bytes(n) }
