package weights

import (
	"context"
	"errors"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// GenerationName is the file of an HF folder with how a model is meant to be sampled. Its end tokens go beyond those of the config:
// a chat model ends a turn with one token and a document with another.
const GenerationName = "generation_config.json"

// ReadEnds gives the ids that end a model's text: those of its config, then those that GenerationName adds.
func ReadEnds(ctx context.Context, store blob.Store, path string, c Config) ([]int32, error) {
	ends := slices.Clone(c.EOS)
	if gguf.Is(path) {
		return ends, nil
	}
	name := blob.Join(path, GenerationName)
	data, err := blob.ReadAll(ctx, store, name, maxConfig)
	if errors.Is(err, blob.ErrNotExist) {
		return ends, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := readFields(name, data)
	if err != nil {
		return nil, err
	}
	for _, id := range f.intOrList("eos_token_id", maxEOS) {
		if id < 0 || id >= c.VocabSize {
			f.fail(fault.OutOfRange, "eos_token_id", "%d is no token id", id).WithLimit("0 to vocab_size-1 = %d", c.VocabSize-1)
			break
		}
		if !slices.Contains(ends, int32(id)) {
			ends = append(ends, int32(id))
		}
	}
	return ends, f.err
}
