package tokenizer

import (
	"encoding/json"

	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufAddBOS tells whether a text starts with the BOS token; ggufBOS is the id of that token.
const (
	ggufAddBOS = "tokenizer.ggml.add_bos_token"
	ggufBOS    = "tokenizer.ggml.bos_token_id"
)

// pipelineJSON has the normalizer and pre-tokenizer of each pipeline name of GGUF files, in
// tokenizer.json's form.
var pipelineJSON = map[string]struct {
	normalizer   any
	preTokenizer any
	ignoreMerges bool
}{
	"gpt-2":  {preTokenizer: byteLevelJSON(true)},
	"smollm": {preTokenizer: sequence(object{"type": "Digits", "individual_digits": true}, byteLevelJSON(true))},
	"qwen2": {normalizer: object{"type": "NFC"},
		preTokenizer: sequence(splitJSON(patternQwen), byteLevelJSON(false))},
	"llama-bpe": {preTokenizer: sequence(splitJSON(patternLlama3), byteLevelJSON(false)), ignoreMerges: true},
}

type object = map[string]any

func byteLevelJSON(pattern bool) object {
	return object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": pattern}
}

func splitJSON(pattern string) object {
	return object{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": "Isolated", "invert": false}
}

func sequence(stages ...object) object { return object{"type": "Sequence", "pretokenizers": stages} }

// JSONOfGGUF returns a tokenizer.json that is equivalent to a GGUF file's metadata. It is used to
// convert a GGUF file to a model folder. It supports only byte-level BPE.
func JSONOfGGUF(f *gguf.File) ([]byte, error) {
	if name, _ := f.Metadata[ggufModel].Text(); name == ggufSentencePiece {
		return nil, fault.New(fault.Unsupported, f.Name, gguf.Field(ggufModel),
			"is SentencePiece, which cannot be converted to tokenizer.json").
			WithRemedy("put the model's tokenizer.json next to its file")
	}
	t, err := FromGGUF(f) // checks everything that is written below
	if err != nil {
		return nil, err
	}
	pre, _ := f.Metadata[ggufPre].Text()
	named, ok := pipelineJSON[pre]
	if !ok {
		return nil, fault.New(fault.Unsupported, f.Name, gguf.Field(ggufPre),
			"is %s, which cannot be converted to tokenizer.json", fault.Quote(pre)).
			WithRemedy("put the model's tokenizer.json next to its file")
	}
	tokens, _ := f.Metadata[ggufTokens].Texts()
	merges, _ := f.Metadata[ggufMerges].Texts()
	isAdded := make([]bool, len(tokens))
	added := []object{}
	for _, a := range t.Added() {
		isAdded[a.ID] = true
		added = append(added, object{"id": a.ID, "content": a.Content, "special": a.Special,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	// As in the files of Llama 3 and Qwen, added tokens after all others are not part of the
	// model's vocabulary. Added tokens with lower ids, as in SmolLM2's, must be: otherwise the ids
	// of later tokens would change.
	plain := len(tokens)
	for plain > 0 && isAdded[plain-1] {
		plain--
	}
	vocab := make(map[string]int, plain)
	for id, spelled := range tokens[:plain] {
		vocab[spelled] = id
	}
	var post any
	if ggufAddsBOS(f) {
		if id, ok := f.Metadata[ggufBOS].Int(); ok && id >= 0 && id < int64(len(tokens)) {
			bos := object{"SpecialToken": object{"id": tokens[id], "type_id": 0}}
			text := func(name string, kind int) object {
				return object{"Sequence": object{"id": name, "type_id": kind}}
			}
			post = object{"type": "TemplateProcessing", "single": []object{bos, text("A", 0)},
				"pair": []object{bos, text("A", 0), bos, text("B", 1)},
				"special_tokens": object{tokens[id]: object{"id": tokens[id], "ids": []int64{id},
					"tokens": []string{tokens[id]}}}}
		}
	}
	return json.Marshal(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": named.normalizer, "pre_tokenizer": named.preTokenizer, "post_processor": post,
		"decoder": byteLevelJSON(true),
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
			"ignore_merges": named.ignoreMerges, "vocab": vocab, "merges": merges,
		},
	})
}

// ConfigJSONOfGGUF returns the tokenizer_config.json that goes with JSONOfGGUF: the special tokens
// by role, and the chat template.
func ConfigJSONOfGGUF(f *gguf.File) ([]byte, error) {
	config := object{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
		"add_bos_token": ggufAddsBOS(f)}
	tokens, _ := f.Metadata[ggufTokens].Texts()
	for role, key := range map[string]string{"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown",
		"pad_token": "padding"} {
		if id, ok := f.Metadata["tokenizer.ggml."+key+"_token_id"].Int(); ok && id >= 0 && id < int64(len(tokens)) {
			config[role] = tokens[id]
		}
	}
	if template, ok := f.Metadata["tokenizer.chat_template"].Text(); ok {
		config["chat_template"] = template
	}
	return json.MarshalIndent(config, "", "  ")
}
