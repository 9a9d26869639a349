package weights

import (
	"context"
	"errors"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// GenerationName is the file of a Hugging Face folder with the default sampling parameters. It can
// list more end tokens than config.json: chat models end a turn and a document with different
// tokens.
const GenerationName = "generation_config.json"

// ReadEOS returns the token ids that end a text: those of the config, then those that
// GenerationName adds.
func ReadEOS(ctx context.Context, store blob.Store, path string, c Config) ([]int32, error) {
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
			f.fail(fault.OutOfRange, "eos_token_id", "%d is not a token id", id).
				WithLimit("0 to vocab_size-1 = %d", c.VocabSize-1)
			break
		}
		if !slices.Contains(ends, int32(id)) {
			ends = append(ends, int32(id))
		}
	}
	return ends, f.err
}
