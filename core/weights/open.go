package weights

import (
	"context"
	"errors"
	"slices"

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
		if err == nil {
			err = s.untie(ctx)
		}
	}
	if err != nil {
		return s, err
	}
	return s, CheckLlama(s.Config, s.File)
}

// untie clears Config.TieEmbeddings if the file has a head of its own that differs from the
// embedding table, as transformers does. It compares all values: a head that was trained with a
// frozen table may differ in a few rows.
func (s *Source) untie(ctx context.Context) error {
	head, ok := s.Tensor(HeadName)
	embed, both := s.Tensor(EmbedName)
	if !s.Config.TieEmbeddings || !ok || !both || !head.DType.IsFloat() || !embed.DType.IsFloat() {
		return nil
	}
	same := slices.Equal(head.Shape, embed.Shape) // else CheckLlama names the shape
	a, b := make([]float32, mergeChunk), make([]float32, mergeChunk)
	for at, n := 0, embed.Elements(); same && at < n; at += mergeChunk {
		if err := blob.Cancelled(ctx); err != nil {
			return err
		}
		a, b = a[:min(mergeChunk, n-at)], b[:min(mergeChunk, n-at)]
		if err := s.ReadF32At(ctx, head, a, at); err != nil {
			return err
		}
		if err := s.ReadF32At(ctx, embed, b, at); err != nil {
			return err
		}
		same = slices.Equal(a, b)
	}
	s.Config.TieEmbeddings = same
	return nil
}

// ReadModelConfig returns the Config that OpenModel returns, except that TieEmbeddings is that of
// config.json. It does not read the tensors of a Hugging Face folder.
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
