// Package models embeds the default base model.
package models

import (
	"embed"
	"io/fs"
)

// Default is the embedded base model, a Hugging Face folder under default/: config.json,
// generation_config.json, tokenizer.json (byte-level BPE, 4096 tokens), tokenizer_config.json, and
// the weights in model.safetensors or model.gguf.
//
//go:embed default/*.json default/model.*
var Default embed.FS

// DefaultFS is the file system of Default, rooted at the model's folder.
func DefaultFS() fs.FS {
	sub, err := fs.Sub(Default, "default")
	if err != nil {
		panic(err) // only an invalid path can fail, and this one is constant
	}
	return sub
}
