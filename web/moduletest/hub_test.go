package moduletest_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/web/moduletest"
	"nextquill/web/moduletest/hubserver"
)

// newHub starts a hub with small models: safetensors in one file and in shards, GGUF files, and
// repositories that cannot be used.
func newHub(t *testing.T) *hubserver.Hub {
	t.Helper()
	hub := hubserver.New()
	t.Cleanup(hub.Close)
	tiny, err := moduletest.TinyModel(models.DefaultFS(), 4096, 5)
	require.NoError(t, err)
	files, err := hubserver.Files(tiny)
	require.NoError(t, err)
	files["README.md"] = []byte("# Tiny\n")
	files["onnx/model.onnx"] = make([]byte, 20_000)
	hub.Push("quill/tiny", files)

	embedded, err := hubserver.Files(models.DefaultFS())
	require.NoError(t, err)
	hub.Push("quill/embedded-GGUF", map[string][]byte{
		"embedded-q8_0.gguf": embedded["model.gguf"], "embedded-f16.gguf": []byte("GGUF"),
		"embedded-q4_k_m.gguf": []byte("GGUF"), "README.md": files["README.md"],
		"tokenizer.json": embedded["tokenizer.json"], "tokenizer_config.json": embedded["tokenizer_config.json"],
	})
	hub.Push("quill/several-GGUF", map[string][]byte{"a.gguf": []byte("GGUF"), "b.gguf": []byte("GGUF")})
	hub.Push("quill/onnx", map[string][]byte{"onnx/model.onnx": files["onnx/model.onnx"], "README.md": []byte("#")})

	mamba := strings.ReplaceAll(string(files["config.json"]), "LlamaForCausalLM", "MambaForCausalLM")
	other := map[string][]byte{"config.json": []byte(mamba)}
	for _, name := range []string{"tokenizer.json", "model.safetensors"} {
		other[name] = files[name]
	}
	hub.Push("quill/mamba", other)
	header := append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 16)...)
	header[16] = 1
	header = append(header, "\x14\x00\x00\x00\x00\x00\x00\x00general.architecture\x08\x00\x00\x00"...)
	header = append(header, "\x05\x00\x00\x00\x00\x00\x00\x00mamba"...)
	hub.Push("quill/mamba-GGUF", map[string][]byte{"m.q8_0.gguf": append(header, make([]byte, 100_000)...)})
	hub.Push("quill/gated", files)
	hub.Restrict("quill/gated", true, false)
	hub.Push("quill/private", files)
	hub.Restrict("quill/private", false, true)
	return hub
}

// TestHub runs the test file of models from a hub.
func TestHub(t *testing.T) {
	t.Parallel()
	f := load(t, "hub.test")
	hub, foreign := newHub(t), newHub(t)
	f.site.AllowRequests("hub.test.html", hub.URL, hub.CDN)
	f.commands["hub"] = func(context.Context, []json.RawMessage) (any, error) {
		return map[string]string{"hub": hub.URL, "foreign": foreign.URL}, nil
	}
	f.commands["hubRequests"] = func(context.Context, []json.RawMessage) (any, error) {
		return append([]string{}, hub.TakeRequests()...), nil
	}
	f.commands["hubFails"] = command1(func(faults hubserver.Faults) (any, error) {
		hub.Fail(faults)
		return nil, nil
	})
	f.commands["putGGUF"] = func(context.Context, []json.RawMessage) (any, error) {
		data, err := fs.ReadFile(models.DefaultFS(), "model.gguf")
		f.site.Put("files/embedded.gguf", data)
		return nil, err
	}
	f.commands["hubPush"] = command1(func(seed uint64) (any, error) {
		tiny, err := moduletest.TinyModel(models.DefaultFS(), 4096, seed)
		if err != nil {
			return nil, err
		}
		files, err := hubserver.Files(tiny)
		return hub.Push("quill/tiny", files), err
	})
	p := f.openTab()
	defer p.Close()
	p.RunTests(t)
}
