package weights

import (
	"context"
	"errors"

	"nextquill/core/blob"
	"nextquill/core/weights/gguf"
)

// Source is a model ready to be read: what it is, where that was said (for messages), and its tensors.
type Source struct {
	Config Config
	Where  string
	*File
}

// OpenModel opens a model by path: an HF folder (config.json and safetensors), a folder with one GGUF file, or a GGUF file. It
// checks that the file holds just the tensors that the config promises.
func OpenModel(ctx context.Context, store blob.Store, path string) (Source, error) {
	s := Source{}
	name, err := findGGUF(ctx, store, path)
	if err != nil {
		return s, err
	}
	if name != "" {
		s.Where = name
		s.Config, s.File, err = OpenGGUF(ctx, store, name)
	} else {
		s.Where = blob.Join(path, ConfigName)
		if s.Config, err = ReadConfig(ctx, store, path); err == nil {
			s.File, err = OpenDir(ctx, store, path)
		}
	}
	if err != nil {
		return s, err
	}
	return s, CheckLlama(s.Config, s.File)
}

// ReadModelConfig reads what OpenModel gives as Config, without looking at the tensors of an HF folder.
func ReadModelConfig(ctx context.Context, store blob.Store, path string) (Config, error) {
	name, err := findGGUF(ctx, store, path)
	if err != nil {
		return Config{}, err
	}
	if name == "" {
		return ReadConfig(ctx, store, path)
	}
	c, _, err := OpenGGUF(ctx, store, name)
	return c, err
}

// findGGUF gives the GGUF file that a path names, or "" for a folder in HF form or an empty one. A folder may have a config.json
// beside a GGUF file, which then says the same: weights in safetensors decide what it is.
func findGGUF(ctx context.Context, store blob.Store, path string) (string, error) {
	if !gguf.Is(path) {
		for _, name := range []string{SingleName, IndexName} {
			if _, err := store.Size(ctx, blob.Join(path, name)); !errors.Is(err, blob.ErrNotExist) {
				return "", err
			}
		}
	}
	return gguf.Find(ctx, store, path)
}
