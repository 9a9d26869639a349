package tokenizer

import (
	"context"
	"encoding/json"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// Limits on a tokenizer.json.
const (
	maxFile    = 64 << 20
	maxTokens  = 1_000_000
	maxMerges  = 2_000_000
	maxSpelled = 4096 // bytes of one token
	maxStages  = 16
	maxPattern = 4096 // bytes of one regular expression
)

const fetchAgain = "the file is truncated or altered: fetch it again"

// Load reads and checks a tokenizer.json. What it asks for and we do not do is refused by name.
func Load(ctx context.Context, store blob.Store, name string) (*Tokenizer, error) {
	data, err := blob.ReadAll(ctx, store, name, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// Parse is Load for a file already read; name is used in messages.
func Parse(name string, data []byte) (*Tokenizer, error) {
	l := &loader{where: name, t: &Tokenizer{}}
	if err := l.load(data); err != nil {
		if fault.KindOf(err) == "" {
			err = fault.New(fault.Malformed, name, "", "is not the JSON of a tokenizer").WithCause(err).WithRemedy(fetchAgain)
		}
		return nil, err
	}
	return l.t, nil
}

// loader holds what is known while the file is read. Its parts come in any order, so each is put aside before it is put together.
type loader struct {
	where   string
	t       *Tokenizer
	vocab   map[string]int32
	merges  [][2]string
	unknown string
	// fuseUnknown matters where characters can be unknown: not with byte_fallback, whose bytes are all there.
	fuseUnknown bool
	normalizer  json.RawMessage
	pre         json.RawMessage
	decoder     json.RawMessage
	hasModel    bool
	fields      map[string]string // how the file at hand calls model.vocab and model.merges, if otherwise
}

func (l *loader) fault(kind fault.Kind, field, format string, args ...any) *fault.Error {
	for ours, its := range l.fields {
		field = strings.Replace(field, ours, its, 1)
	}
	return fault.New(kind, l.where, field, format, args...)
}

func (l *loader) load(data []byte) error {
	r := jsonx.NewReader(data)
	seen := map[string]bool{}
	err := r.Object(func(key string) (err error) {
		if seen[key] {
			return l.fault(fault.Malformed, fault.Quote(key), "is given twice").WithRemedy(fetchAgain)
		}
		seen[key] = true
		switch key {
		case "model":
			l.hasModel = true
			return l.readModel(r)
		case "added_tokens":
			if r.Null() {
				return nil
			}
			return l.readAdded(r)
		case "normalizer":
			l.normalizer, err = r.Raw()
		case "pre_tokenizer":
			l.pre, err = r.Raw()
		case "decoder":
			l.decoder, err = r.Raw()
		default: // version; truncation, padding and post_processor, which are the caller's affair here
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return err
	}
	if !l.hasModel || l.vocab == nil {
		return l.fault(fault.Missing, "model.vocab", "is not there").WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	if l.merges == nil {
		return l.fault(fault.Missing, "model.merges", "is not there").WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	if l.fuseUnknown && !l.t.bpe.characters {
		return l.fault(fault.Unsupported, "model.fuse_unk", "is true without byte_fallback").
			WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	for _, step := range []func() error{l.buildVocab, l.buildMerges, l.buildNormalizer, l.buildStages, l.buildDecoder, l.buildAdded} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
