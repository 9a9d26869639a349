// Package modelfolder writes a model as a Hugging Face folder: the files next to the weights, and
// an adapter merged into its base.
package modelfolder

import (
	"bytes"
	"context"
	"errors"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
)

const tokenizerConfig = "tokenizer_config.json"

// copied are the files that are copied with the weights.
var copied = []string{tokenizer.FileName, tokenizerConfig, "special_tokens_map.json", "added_tokens.json",
	weights.GenerationName, "chat_template.jinja", "vocab.json", "merges.txt"}

// maxSideFile bounds each of the files in bytes.
const maxSideFile = 64 << 20

// SideFiles returns the files next to the weights of the model in dir, by name: config.json for
// weights of this type, the tokenizer, and what else belongs to it. For a GGUF file they are made
// from its metadata; files next to it take precedence. dtype "" keeps the type, F16 for a GGUF
// file.
func SideFiles(ctx context.Context, store blob.Store, dir string, base weights.Source, dtype weights.DType) (
	map[string][]byte, error) {
	files := map[string][]byte{}
	read := func(name string) error {
		data, err := blob.ReadAll(ctx, store, blob.Join(dir, name), maxSideFile)
		if errors.Is(err, blob.ErrNotExist) {
			return nil
		}
		files[name] = data
		return err
	}
	for _, name := range append([]string{weights.ConfigName}, copied...) {
		if err := read(name); err != nil {
			return nil, err
		}
	}
	config := files[weights.ConfigName]
	if config == nil {
		return files, sideFilesOfGGUF(ctx, store, base, dtype, files)
	}
	if files[tokenizer.FileName] == nil {
		return nil, fault.New(fault.Unsupported, dir, tokenizer.FileName, "is missing, but a model folder requires it").
			WithRemedy("download the model's tokenizer.json")
	}
	var err error
	files[weights.ConfigName], err = weights.ConfigWithDType(blob.Join(dir, weights.ConfigName), config, base.Config,
		dtype)
	return files, err
}

// sideFilesOfGGUF converts the metadata of a GGUF file.
func sideFilesOfGGUF(ctx context.Context, store blob.Store, base weights.Source, dtype weights.DType,
	files map[string][]byte) (err error) {
	if dtype == "" {
		dtype = weights.F16
	}
	if files[weights.ConfigName], err = weights.ConfigJSON(base.Config, dtype); err != nil ||
		files[tokenizer.FileName] != nil {
		return err
	}
	f, err := gguf.Open(ctx, store, base.Where)
	if err != nil {
		return err
	}
	if files[tokenizer.FileName], err = tokenizer.JSONOfGGUF(f); err != nil || files[tokenizerConfig] != nil {
		return err
	}
	files[tokenizerConfig], err = tokenizer.ConfigJSONOfGGUF(f)
	return err
}

// Merge writes the model in dir with an adapter merged into it to the folder out, in F32. The
// weights are complete in memory first, so it is for models that fit there.
func Merge(ctx context.Context, store blob.Store, dir string, adapter *weights.Adapter, out string) error {
	base, err := weights.OpenModel(ctx, store, dir)
	if err != nil {
		return err
	}
	files, err := SideFiles(ctx, store, dir, base, weights.F32)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := weights.Merge(ctx, base, adapter, weights.F32, &b, nil); err != nil {
		return err
	}
	if err := store.Write(ctx, blob.Join(out, weights.SingleName), b.Bytes()); err != nil {
		return err
	}
	for name, data := range files {
		if name == weights.ConfigName {
			continue
		}
		if err := store.Write(ctx, blob.Join(out, name), data); err != nil {
			return err
		}
	}
	// The config is the last, so that a folder with a config is complete.
	return store.Write(ctx, blob.Join(out, weights.ConfigName), files[weights.ConfigName])
}
