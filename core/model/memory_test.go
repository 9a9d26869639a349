//go:build !wasm

package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native"
	"nextquill/native/nativetest"
)

// random writes a small model with random weights to store.
func random(t *testing.T, store blob.Store, vocab, layers int) {
	t.Helper()
	randomOf(t, store, vocab, layers, 16, 24)
}

// randomOf is random with given widths.
func randomOf(t *testing.T, store blob.Store, vocab, layers, hidden, mlp int) {
	t.Helper()
	ctx := context.Background()
	config := fmt.Sprintf(`{"architectures":["LlamaForCausalLM"],"model_type":"llama",
		"hidden_size":%d,"intermediate_size":%d,"num_hidden_layers":%d,"num_attention_heads":2,
		"num_key_value_heads":1,"vocab_size":%d,"max_position_embeddings":128,"rms_norm_eps":1e-5,
		"rope_theta":10000,"tie_word_embeddings":false,"bos_token_id":0,"eos_token_id":1}`,
		hidden, mlp, layers, vocab)
	require.NoError(t, store.Write(ctx, "m/config.json", []byte(config)))
	cfg, err := weights.ReadConfig(ctx, store, "m")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	var tensors []weights.Tensor
	for _, s := range weights.LlamaTensors(cfg) {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(rng.NormFloat64()) * .2
		}
		tensors = append(tensors, weights.Tensor{Name: s.Name, Shape: s.Shape, Data: data})
	}
	require.NoError(t, weights.Write(ctx, store, "m/"+weights.SingleName, tensors, nil))
}

// TestNoBufferGrowsWithVocabularyTimesTokens compares the memory of a training step at two
// vocabularies that are larger than a chunk: it must not grow.
func TestNoBufferGrowsWithVocabularyTimesTokens(t *testing.T) {
	ctx := context.Background()
	scratch := map[int]int64{}
	for _, vocab := range []int{3000, 9001} {
		store := &blob.Mem{}
		random(t, store, vocab, 2)
		g := nativetest.Open(t, store)
		tune := kernels.DefaultTune(g.Info())
		m, err := model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
		require.NoError(t, err)
		require.NoError(t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 4}, 1))
		before := g.LiveBytes()
		o, err := causal.Preset("nextquill-code")
		require.NoError(t, err)
		step, err := m.NewStep(model.StepSpec{
			MaxTokens: 256, MaxResponses: 64, Objective: o, Dual: true, Backward: true,
		})
		require.NoError(t, err)
		scratch[vocab] = g.LiveBytes() - before
		// The step also covers the partial last chunk.
		s := causal.Sample{With: []int32{0, 5, 9, 2}, Without: []int32{0, 7}, Response: []int32{int32(vocab - 1), 2, 1}}
		require.NoError(t, step.Run(ctx, causal.Pack([]causal.Sample{s}, 0, true), nil, kernels.Dyn{}, nil))
		tokens, err := step.Tokens(ctx, 3)
		require.NoError(t, err)
		require.Less(t, tokens[0].LogpWith, float32(0))
		step.Free()
		m.Free()
	}
	// Shape blocks differ by the number of chunks; 64 bytes each.
	require.InDelta(t, scratch[3000], scratch[9001], 4096)
}

// TestRecomputeSavesMemory compares the memory of a step with and without recompute.
func TestRecomputeSavesMemory(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	random(t, store, 300, 6)
	g := nativetest.Open(t, store)
	tune := kernels.DefaultTune(g.Info())
	m, err := model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 4}, 1))
	size := func(recompute bool) int64 {
		before := g.LiveBytes()
		o, _ := causal.Preset("contextsft")
		step, err := m.NewStep(model.StepSpec{
			MaxTokens: 4096, MaxResponses: 64, Objective: o, Backward: true, Recompute: recompute,
		})
		require.NoError(t, err)
		defer step.Free()
		return g.LiveBytes() - before
	}
	require.Less(t, size(true), size(false)/2)
}

// weak is a device that reports smaller limits.
type weak struct {
	gpu.Device
	binding int64
	buffers int
}

func (w weak) Info() gpu.Info {
	i := w.Device.Info()
	i.MaxBindingSize, i.MaxStorageBuffers = w.binding, w.buffers
	return i
}

// TestWeakDevice checks that the fault names the tensor and the limit when 64 rows of the embedding
// do not fit in a binding, and when a kernel needs more storage buffers than a stage may have.
func TestWeakDevice(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	random(t, store, 3000, 2)
	dev, err := native.Open(store)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(weak{dev, 4000, 8})
	tune := kernels.DefaultTune(g.Info())
	_, err = model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
	require.ErrorIs(t, err, fault.DeviceLimit)
	require.ErrorContains(t, err, "embed_tokens")
	require.ErrorContains(t, err, "4000")
	require.Zero(t, g.LiveBuffers())

	g = gpu.NewContext(weak{dev, 1 << 27, 4})
	m, err := model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
	require.NoError(t, err)
	o, _ := causal.Preset("contextsft")
	require.NoError(t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 4}, 1))
	_, err = m.NewStep(model.StepSpec{MaxTokens: 64, MaxResponses: 64, Objective: o, Backward: true})
	require.ErrorIs(t, err, fault.DeviceLimit)
	require.ErrorContains(t, err, "storage buffers")
	m.Free()
	require.Zero(t, g.LiveBuffers())
}
