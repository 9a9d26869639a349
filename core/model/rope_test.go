//go:build !wasm

package model_test

import (
	"os"
	"strings"
	"testing"

	"nextquill/core/blob"
	"nextquill/native/nativetest"
)

// TestRopeScalingMatchesTransformers compares the logits of models with scaled rotary frequencies,
// from config.json and from GGUF metadata, with those of transformers: within the original
// positions and far after them.
func TestRopeScalingMatchesTransformers(t *testing.T) {
	store := blob.FromFS(os.DirFS("../weights/testdata/rope"))
	g := nativetest.Open(t, store)
	for _, path := range []string{"linear/hf", "linear/model.gguf", "llama3/hf", "llama3/model.gguf", "dynamic/hf"} {
		t.Run(path, func(t *testing.T) {
			kind, _, _ := strings.Cut(path, "/")
			requireLogits(t, g, store, path, kind+"/logits.safetensors", 20)
		})
	}
}
