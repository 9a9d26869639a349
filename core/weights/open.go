package weights

import (
	"context"
	"errors"

	"nextquill/core/blob"
	"nextquill/core/weights/gguf"
)

// Source is an open model: its config, the file that the config came from (for error messages), and
// its tensors.
type Source struct {
	Config Config
	Where  string
	*File
}

// OpenModel opens a model by path: a Hugging Face folder (config.json and safetensors), a folder
// with one GGUF file, or a GGUF file. It checks that the file has exactly the tensors that the
// config requires.
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

// ReadModelConfig returns the Config that OpenModel returns. It does not read the tensors of a
// Hugging Face folder.
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

// findGGUF returns the GGUF file that a path means, or "" for a Hugging Face folder or an empty
// one. A folder with safetensors weights is a Hugging Face folder even if it also has a GGUF file.
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
