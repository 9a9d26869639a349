package tokenizer

import (
	"context"
	"encoding/json"
	"path"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// Limits on a tokenizer.json.
const (
	maxFile       = 64 << 20
	maxTokens     = 1_000_000
	maxMerges     = 2_000_000
	maxTokenBytes = 4096 // bytes of one token
	maxStages     = 16
	maxPattern    = 4096 // bytes of one regular expression
)

const downloadAgain = "the file is truncated or altered: download it again"

// Load reads and checks a tokenizer.json, with the tokens that the files beside it declare.
// Unsupported features give a fault that names them.
func Load(ctx context.Context, store blob.Store, name string) (*Tokenizer, error) {
	data, err := blob.ReadAll(ctx, store, name, maxFile)
	if err != nil {
		return nil, err
	}
	d, err := readDeclared(ctx, store, path.Dir(name))
	if err != nil {
		return nil, err
	}
	return parse(name, data, d)
}

// Parse reads and checks a tokenizer.json alone; name appears in error messages.
func Parse(name string, data []byte) (*Tokenizer, error) { return parse(name, data, &declared{}) }

func parse(name string, data []byte, d *declared) (*Tokenizer, error) {
	l := &loader{where: name, t: &Tokenizer{bos: -1}, declared: d}
	if err := l.load(data); err != nil {
		if fault.KindOf(err) == "" {
			err = fault.New(fault.Malformed, name, "", "is not a valid tokenizer.json").WithCause(err).
				WithRemedy(downloadAgain)
		}
		return nil, err
	}
	return l.t, nil
}

// loader holds the parts of the file while it is read. They can come in any order, so they are
// combined at the end.
type loader struct {
	where   string
	t       *Tokenizer
	vocab   map[string]int32
	merges  [][2]string
	unknown string
	// fuseUnknown only matters without byte_fallback: otherwise no character is unknown.
	fuseUnknown bool
	fallback    bool // byte_fallback is set for a byte-level vocabulary
	normalizer  json.RawMessage
	pre         json.RawMessage
	decoder     json.RawMessage
	post        json.RawMessage
	declared    *declared
	hasModel    bool
	fields      map[string]string // other names of model.vocab and model.merges, for error messages
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
			return l.fault(fault.Malformed, fault.Quote(key), "appears twice").WithRemedy(downloadAgain)
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
		case "post_processor":
			l.post, err = r.Raw()
		default: // version; truncation and padding are left to the caller
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
		return l.fault(fault.Missing, "model.vocab", "is missing").
			WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	if l.merges == nil {
		return l.fault(fault.Missing, "model.merges", "is missing").
			WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	if l.fuseUnknown && !l.t.bpe.characters {
		return l.fault(fault.Unsupported, "model.fuse_unk", "is true without byte_fallback").
			WithRemedy("use the tokenizer.json of a byte-level BPE model")
	}
	if err := l.declare(l.declared); err != nil {
		return err
	}
	if l.t.bpe.characters && l.byteLevel() { // characters are bytes, so the fallback has no effect
		l.t.bpe.characters, l.fallback = false, true
	}
	for _, step := range []func() error{l.buildVocab, l.buildMerges, l.buildNormalizer, l.buildStages, l.buildDecoder,
		l.buildAdded, l.buildPost} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
