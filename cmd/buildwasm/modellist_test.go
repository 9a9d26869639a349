package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/jobs"
	"nextquill/core/rpc"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
	"nextquill/models"
	"nextquill/native"
	"nextquill/wasm/guest"
)

// listed is a model of web/page/lazy/models.json. Layers and Head are numbers of parameters.
type listed struct {
	ID, File     string
	Bytes        int64
	Layers, Head int64
	Memory       int64
	Title, About string
}

// listedConfigs are the config.json of the models in the list, by the start of their titles.
var listedConfigs = map[string]string{
	"SmolLM2 135M": `{"architectures": ["LlamaForCausalLM"], "hidden_size": 576, "intermediate_size": 1536,
		"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
		"max_position_embeddings": 8192, "rope_theta": 100000, "tie_word_embeddings": true}`,
	"SmolLM2 360M": `{"architectures": ["LlamaForCausalLM"], "hidden_size": 960, "intermediate_size": 2560,
		"num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5, "vocab_size": 49152,
		"max_position_embeddings": 8192, "rope_theta": 100000, "tie_word_embeddings": true}`,
	"Qwen2.5 0.5B": `{"architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "intermediate_size": 4864,
		"num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936,
		"max_position_embeddings": 32768, "rope_theta": 1000000, "tie_word_embeddings": true}`,
	"Qwen3 0.6B": `{"architectures": ["Qwen3ForCausalLM"], "hidden_size": 1024, "intermediate_size": 3072,
		"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
		"vocab_size": 151936, "max_position_embeddings": 40960, "rope_theta": 1000000, "tie_word_embeddings": true}`,
}

// TestModelList compares the figures of the page's list of models with what the core computes for
// these models. Their files are not needed: it only reads their headers.
func TestModelList(t *testing.T) {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	text, err := newSite(root).read("web/page/lazy/models.json")
	require.NoError(t, err)
	var list []listed
	require.NoError(t, json.Unmarshal(text, &list))
	for _, m := range list {
		t.Run(m.Title, func(t *testing.T) {
			config := []byte(listedConfigs[m.Title])
			if m.ID == "" {
				config, err = fs.ReadFile(models.DefaultFS(), "config.json")
				require.NoError(t, err)
			}
			c, err := weights.ParseConfig(m.Title, config)
			require.NoError(t, err)
			var layers, head int64
			for _, tensor := range weights.LlamaTensors(c) {
				n := int64(1)
				for _, d := range tensor.Shape {
					n *= int64(d)
				}
				if tensor.Name == weights.EmbedName {
					head = n
				} else {
					layers += n
				}
			}
			if m.ID == "" {
				memory := trainingPeak(t, blob.FromFS(models.DefaultFS()), "")
				t.Logf("layers %d, head %d, memory %d", layers, head, memory)
				require.Equal(t, []int64{layers, head}, []int64{m.Layers, m.Head})
				require.InEpsilon(t, memory, m.Memory, .02)
				return
			}
			memory, file := trainingMemory(t, c)
			t.Logf("layers %d, head %d, memory %d, file %d", layers, head, memory, file)
			require.Equal(t, layers, m.Layers)
			require.Equal(t, head, m.Head)
			require.InEpsilon(t, memory, m.Memory, .02)
			// The published files also have the tokenizer, and some have a head of their own.
			require.GreaterOrEqual(t, m.Bytes, file)
			require.Less(t, m.Bytes, file+head*34/32+8<<20)
		})
	}
}

// trainingMemory is the peak of the core's estimate for training a model of this config in Q8_0.
func trainingMemory(t *testing.T, c weights.Config) (bytes, file int64) {
	t.Helper()
	var layouts []gguf.Layout
	for _, tensor := range weights.LlamaTensors(c) {
		l := gguf.Layout{Name: weights.GGUFName(tensor.Name), Type: gguf.Q8_0, Shape: tensor.Shape}
		if len(tensor.Shape) == 1 {
			l.Type = gguf.F32
		}
		layouts = append(layouts, l)
		file += l.Bytes() + gguf.Padding(l.Bytes())
	}
	entries, err := c.GGUFMetadata("model.gguf")
	require.NoError(t, err)
	start := gguf.EncodeHeader(entries, layouts)
	file += int64(len(start))
	return trainingPeak(t, headers{"m/model.gguf": {start, file}}, "m"), file
}

// trainingPeak is the peak of the core's estimate for training the model in a folder.
func trainingPeak(t *testing.T, store blob.Store, folder string) int64 {
	t.Helper()
	device, err := native.Open(store)
	require.NoError(t, err)
	defer device.Close()
	e := engine.New(engine.Host{GPU: gpu.NewContext(device), Blobs: store})
	var r api.EstimateResult
	params := api.EstimateParams{Model: folder, Preset: "contextsft"}
	require.NoError(t, rpc.Local(e.NewServer(jobs.Methods(e))).Call(t.Context(), "estimate", params, &r, nil))
	return r.Train.Peak
}

// headers is a store of blobs of which only the first bytes are in memory. The others are 0.
type headers map[string]struct {
	start []byte
	size  int64
}

// Size implements blob.Store.
func (h headers) Size(_ context.Context, name string) (int64, error) {
	b, ok := h[name]
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, blob.ErrNotExist)
	}
	return b.size, nil
}

// ReadAt implements blob.Store.
func (h headers) ReadAt(_ context.Context, name string, p []byte, off int64) error {
	b, ok := h[name]
	if !ok {
		return fmt.Errorf("%s: %w", name, blob.ErrNotExist)
	}
	if off < 0 || off+int64(len(p)) > b.size {
		return fault.New(fault.OutOfRange, name, "", "the blob has %d bytes", b.size)
	}
	clear(p)
	copy(p, b.start[min(off, int64(len(b.start))):])
	return nil
}

// Write implements blob.Store.
func (h headers) Write(_ context.Context, name string, _ []byte) error {
	return fault.New(fault.Storage, name, "", "cannot be written")
}

// Delete implements blob.Store.
func (h headers) Delete(ctx context.Context, name string) error { return h.Write(ctx, name, nil) }

// List implements blob.Store.
func (h headers) List(_ context.Context, prefix string) ([]string, error) {
	names := slices.Sorted(maps.Keys(h))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
}
