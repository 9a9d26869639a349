package weights

import (
	"context"
	"errors"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// ggufSuffix ends the names of GGUF files.
const ggufSuffix = ".gguf"

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
	name, err := FindGGUF(ctx, store, path)
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

// FindGGUF gives the GGUF file that a model's path names: the file itself, or the only one in a folder without config.json. It
// gives "" for a folder in HF form or an empty one.
func FindGGUF(ctx context.Context, store blob.Store, path string) (string, error) {
	if isGGUF(path) {
		return path, nil
	}
	if _, err := store.Size(ctx, blob.Join(path, ConfigName)); !errors.Is(err, blob.ErrNotExist) {
		return "", err
	}
	prefix := blob.Join(path, "")
	names, err := store.List(ctx, prefix)
	if err != nil {
		return "", err
	}
	found := ""
	for _, name := range names {
		if !isGGUF(name) || strings.Contains(name[len(prefix):], "/") {
			continue
		}
		if found != "" {
			return "", fault.New(fault.Mismatch, path, "", "holds %s and %s", fault.Quote(found), fault.Quote(name)).
				WithRemedy("name one of the files")
		}
		found = name
	}
	return found, nil
}

func isGGUF(name string) bool { return strings.HasSuffix(strings.ToLower(name), ggufSuffix) }
