package chat

import (
	"context"
	"encoding/json"
	"errors"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// Files of a Hugging Face folder with the chat template and the special tokens. Both are optional.
const (
	TemplateName = "chat_template.jinja" // takes precedence over the template in ConfigName
	ConfigName   = "tokenizer_config.json"
)

const maxConfig = 16 << 20 // bytes; some files list every added token

// specials are the special tokens that templates receive by name.
var specials = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// Load reads the chat template of a model by path: a Hugging Face folder, a GGUF file, or a folder
// with one. It returns nil if the model has no template.
func Load(ctx context.Context, store blob.Store, path string) (*Template, error) {
	if !gguf.Is(path) {
		if t, err := loadFolder(ctx, store, path); t != nil || err != nil {
			return t, err
		}
	}
	name, err := gguf.Find(ctx, store, path)
	if fault.KindOf(err) == fault.Mismatch { // several GGUF files: the folder's other files are the model
		return nil, nil
	}
	if name == "" || err != nil {
		return nil, err
	}
	f, err := gguf.Open(ctx, store, name)
	if err != nil {
		return nil, err
	}
	return FromGGUF(f)
}

// loadFolder reads the two files. It returns nil if neither has a template.
func loadFolder(ctx context.Context, store blob.Store, dir string) (*Template, error) {
	read := func(name string) ([]byte, error) {
		data, err := blob.ReadAll(ctx, store, blob.Join(dir, name), maxConfig)
		if errors.Is(err, blob.ErrNotExist) {
			return nil, nil
		}
		return data, err
	}
	source, err := read(TemplateName)
	if err != nil {
		return nil, err
	}
	config, err := read(ConfigName)
	if err != nil {
		return nil, err
	}
	where := blob.Join(dir, ConfigName)
	special, inConfig, err := parseConfig(where, config)
	switch {
	case err != nil:
		return nil, err
	case source != nil:
		return New(blob.Join(dir, TemplateName), string(source), special)
	case inConfig != "":
		return New(where+": chat_template", inConfig, special)
	}
	return nil, nil
}

// parseConfig reads a tokenizer_config.json. A special token is a string or an added token. The
// template is a string or a list of named templates.
func parseConfig(where string, data []byte) (special map[string]string, template string, err error) {
	if data == nil {
		return nil, "", nil
	}
	malformed := func(field string, cause error) error {
		return fault.New(fault.Malformed, where, field, "has an unexpected type").WithCause(cause).
			WithRemedy("the file is truncated or altered: download it again")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, "", malformed("", err)
	}
	special = map[string]string{}
	for _, name := range specials {
		var token *string
		raw := fields[name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		if json.Unmarshal(raw, &token) != nil {
			var added struct{ Content *string }
			if err := json.Unmarshal(raw, &added); err != nil || added.Content == nil {
				return nil, "", malformed(name, err)
			}
			token = added.Content
		}
		special[name] = *token
	}
	raw := fields["chat_template"]
	if raw == nil || json.Unmarshal(raw, &template) == nil {
		return special, template, nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, "", malformed("chat_template", err)
	}
	for _, n := range named {
		if n.Name == "default" {
			template = n.Template
		}
	}
	return special, template, nil
}

// FromGGUF reads the template in a GGUF file's metadata. It returns nil if there is none.
func FromGGUF(f *gguf.File) (*Template, error) {
	const key = "tokenizer.chat_template"
	source, ok := f.Metadata[key].Text()
	if !ok {
		return nil, nil
	}
	tokens, _ := f.Metadata["tokenizer.ggml.tokens"].Texts()
	special := map[string]string{}
	for name, key := range map[string]string{"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown",
		"pad_token": "padding"} {
		if id, ok := f.Metadata["tokenizer.ggml."+key+"_token_id"].Int(); ok && id >= 0 && id < int64(len(tokens)) {
			special[name] = tokens[id]
		}
	}
	return New(f.Name+": "+gguf.Field(key), source, special)
}
