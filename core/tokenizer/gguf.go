package tokenizer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// FileName is the tokenizer's file in a Hugging Face folder.
const FileName = "tokenizer.json"

// LoadModel reads the tokenizer of a model by path: a GGUF file, a folder with tokenizer.json, or a
// folder with one GGUF file.
func LoadModel(ctx context.Context, store blob.Store, path string) (*Tokenizer, error) {
	if gguf.Is(path) {
		return LoadGGUF(ctx, store, path)
	}
	t, err := Load(ctx, store, blob.Join(path, FileName))
	if !errors.Is(err, blob.ErrNotExist) {
		return t, err
	}
	name, findErr := gguf.Find(ctx, store, path)
	if findErr != nil {
		return nil, findErr
	}
	if name != "" {
		return LoadGGUF(ctx, store, name)
	}
	missing := fault.New(fault.Missing, path, FileName, "is missing").WithCause(blob.ErrNotExist).
		WithRemedy("download the model's %s", FileName)
	for _, other := range []string{"tokenizer.model", "vocab.json"} { // forms of older models
		if _, err := store.Size(ctx, blob.Join(path, other)); err == nil {
			return nil, missing.WithRemedy("convert %s to it with transformers: "+
				"AutoTokenizer.from_pretrained(folder).save_pretrained(folder)", other)
		}
	}
	return nil, missing
}

// LoadGGUF reads the tokenizer in a GGUF file's metadata.
func LoadGGUF(ctx context.Context, store blob.Store, name string) (*Tokenizer, error) {
	f, err := gguf.Open(ctx, store, name)
	if err != nil {
		return nil, err
	}
	return FromGGUF(f)
}

// Metadata keys of a tokenizer.
const (
	ggufModel  = "tokenizer.ggml.model"
	ggufPre    = "tokenizer.ggml.pre"
	ggufTokens = "tokenizer.ggml.tokens"
	ggufTypes  = "tokenizer.ggml.token_type"
	ggufMerges = "tokenizer.ggml.merges"
	ggufPrefix = "tokenizer.ggml.add_space_prefix"
)

// Token types other than plain text, with llama.cpp's numbers.
const (
	ggufUnknown = 2
	ggufControl = 3
	ggufUser    = 4
)

// pipeline has the steps that a tokenizer.json lists and a GGUF file only names.
type pipeline struct {
	normalizers  []normalizer
	stages       []stage
	ignoreMerges bool
}

// ggufPipelines maps a pipeline name to the steps of the corresponding tokenizer.json.
var ggufPipelines = map[string]pipeline{
	"gpt-2":     {stages: []stage{byteLevel{useRegex: true}}},
	"smollm":    {stages: []stage{digits{individual: true}, byteLevel{useRegex: true}}},
	"qwen2":     {normalizers: []normalizer{normalForm{norm.NFC}}, stages: []stage{words(patternQwen), byteLevel{}}},
	"llama-bpe": {stages: []stage{words(patternLlama3), byteLevel{}}, ignoreMerges: true},
}

func words(pattern string) stage { return patternSplit{finder: scanners[pattern], behavior: isolated} }

// FromGGUF builds the tokenizer that a GGUF file's metadata describes: byte-level BPE with a known
// pipeline name, or SentencePiece BPE. Control tokens become special tokens. GGUF files do not keep
// the other properties of added tokens (white space around them, whole words).
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	l := &loader{where: f.Name, t: &Tokenizer{bos: -1}, fields: map[string]string{
		"model.vocab": gguf.Field(ggufTokens), "added_tokens": gguf.Field(ggufTokens),
		"model.merges": gguf.Field(ggufMerges)}}
	l.t.addBOS = new(ggufAddsBOS(f))
	if name, _ := f.Metadata[ggufModel].Text(); name == ggufSentencePiece {
		return l.t, l.loadSentencePiece(f)
	}
	for _, step := range []func(*gguf.File) error{l.readPipeline, l.readTokens, l.readGGUFMerges} {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{l.buildVocab, l.buildMerges, l.buildAdded} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.t, nil
}

// ggufAddsBOS tells whether a text begins with the BOS token. Files that do not say it have
// llama.cpp's default: true for SentencePiece and Llama 3, false for other byte-level BPE.
func ggufAddsBOS(f *gguf.File) bool {
	if set, ok := f.Metadata[ggufAddBOS].Bool(); ok {
		return set
	}
	model, _ := f.Metadata[ggufModel].Text()
	pre, _ := f.Metadata[ggufPre].Text()
	return model == ggufSentencePiece || pre == "llama-bpe"
}

func (l *loader) readPipeline(f *gguf.File) error {
	for _, need := range []struct {
		key   string
		known []string
	}{{ggufModel, []string{"gpt2", ggufSentencePiece}}, {ggufPre, slices.Sorted(maps.Keys(ggufPipelines))}} {
		v, ok := f.Metadata[need.key].Text()
		if !ok {
			return l.fault(fault.Missing, gguf.Field(need.key), "is missing").
				WithRemedy("use a file made by a current llama.cpp, or put the model's tokenizer.json next to it")
		}
		if !slices.Contains(need.known, v) {
			return l.fault(fault.Unsupported, gguf.Field(need.key), "is %s", fault.Quote(v)).
				WithRemedy("use a byte-level BPE model, where it is one of %v", need.known)
		}
	}
	name, _ := f.Metadata[ggufPre].Text()
	p := ggufPipelines[name]
	l.t.normalizers, l.t.bpe.ignoreMerges = p.normalizers, p.ignoreMerges
	l.t.stages = slices.Clone(p.stages)
	if prefix, _ := f.Metadata[ggufPrefix].Bool(); prefix {
		return l.fault(fault.Unsupported, gguf.Field(ggufPrefix), "is true").
			WithRemedy("use a byte-level BPE model, where it is false")
	}
	return nil
}

// readTokens separates the tokens into ordinary and added ones.
func (l *loader) readTokens(f *gguf.File) error {
	tokens, ok := f.Metadata[ggufTokens].Texts()
	types, typed := f.Metadata[ggufTypes].Ints()
	switch {
	case !ok || len(tokens) == 0:
		return l.fault(fault.Missing, gguf.Field(ggufTokens), "is not a list of tokens").WithRemedy(downloadAgain)
	case !typed:
		return l.fault(fault.Missing, gguf.Field(ggufTypes),
			"is not a list of integers, so the control tokens are unknown").
			WithRemedy(downloadAgain)
	case len(types) != len(tokens):
		return l.fault(fault.Mismatch, gguf.Field(ggufTypes), "has %d entries, but there are %d tokens", len(types),
			len(tokens)).WithRemedy(downloadAgain)
	case len(tokens) > maxTokens:
		return l.fault(fault.TooLarge, gguf.Field(ggufTokens), "lists %d tokens", len(tokens)).
			WithLimit("%d", maxTokens)
	}
	l.vocab = make(map[string]int32, len(tokens))
	added := map[string]int32{}
	for id, spelled := range tokens {
		field := func() string {
			return fmt.Sprintf("%s[%d] %s", gguf.Field(ggufTokens), id, fault.Quote(spelled))
		}
		if err := l.checkToken(field, spelled, int64(id)); err != nil {
			return err
		}
		for _, known := range []map[string]int32{l.vocab, added} {
			if other, twice := known[spelled]; twice {
				return l.fault(fault.Malformed, field(), "is also token %d", other).WithRemedy(downloadAgain)
			}
		}
		switch types[id] {
		case ggufControl, ggufUser, ggufUnknown:
			added[spelled] = int32(id)
			l.t.added = append(l.t.added, Added{ID: int32(id), Content: spelled, Special: types[id] != ggufUser})
		default:
			l.vocab[spelled] = int32(id)
		}
	}
	return nil
}

func (l *loader) readGGUFMerges(f *gguf.File) error {
	merges, ok := f.Metadata[ggufMerges].Texts()
	if !ok {
		return l.fault(fault.Missing, gguf.Field(ggufMerges), "is not a list of merges").WithRemedy(downloadAgain)
	}
	if len(merges) > maxMerges {
		return l.fault(fault.TooLarge, gguf.Field(ggufMerges), "lists %d merges", len(merges)).
			WithLimit("%d", maxMerges)
	}
	l.merges = make([][2]string, len(merges))
	for i, m := range merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return l.fault(fault.Malformed, fmt.Sprintf("%s[%d]", gguf.Field(ggufMerges), i), "%s is not two tokens",
				fault.Quote(m)).WithRemedy(downloadAgain)
		}
		l.merges[i] = [2]string{left, right}
	}
	return nil
}
