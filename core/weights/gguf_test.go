package weights

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	g "nextquill/core/weights/gguf/gguftest"
)

// TestGGUFMatchesReference reads files of many types and compares the values with transformers'.
func TestGGUFMatchesReference(t *testing.T) {
	ctx := t.Context()
	llama := Config{HiddenSize: 64, IntermediateSize: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, VocabSize: 40,
		MaxPositions: 128,
		RMSNormEps:   float64(float32(1e-5)), RopeTheta: 5000, BOS: 1, EOS: []int32{2}}
	qwen2, qwen3 := llama, llama
	qwen2.QKVBias, qwen2.TieEmbeddings = true, true
	qwen3.QKNorm, qwen3.TieEmbeddings, qwen3.Heads, qwen3.KVHeads, qwen3.HeadDim = true, true, 2, 1, 128
	for arch, config := range map[string]Config{"llama": llama, "qwen2": qwen2, "qwen3": qwen3} {
		t.Run(arch, func(t *testing.T) {
			s, err := OpenModel(ctx, golden, "gguf/"+arch)
			require.NoError(t, err)
			require.Equal(t, "gguf/"+arch+"/model.gguf", s.Where)
			require.Equal(t, config, s.Config)
			want, err := Open(ctx, golden, "gguf/"+arch+"/tensors.safetensors")
			require.NoError(t, err)
			require.Len(t, s.Tensors(), len(want.Tensors()))
			for _, info := range want.Tensors() {
				expected, err := want.ReadF32(ctx, info.Name)
				require.NoError(t, err)
				got, err := s.ReadF32(ctx, info.Name)
				require.NoError(t, err, info.Name)
				for i, v := range expected {
					require.Equal(t, v, got[13*i], "%s %d", info.Name, 13*i)
				}
				// A partial read equals that part of the full tensor.
				tensor, _ := s.Tensor(info.Name)
				part := make([]float32, len(got)/3)
				require.NoError(t, s.ReadF32At(ctx, tensor, part, len(got)/2+1))
				require.Equal(t, got[len(got)/2+1:][:len(part)], part, info.Name)
			}
		})
	}
}

func TestOpenModelByPath(t *testing.T) {
	ctx := t.Context()
	s, err := OpenModel(ctx, golden, "gguf/llama/model.gguf")
	require.NoError(t, err)
	require.Equal(t, "gguf/llama/model.gguf", s.Name())
	s, err = OpenModel(ctx, golden, "f16_untied")
	require.NoError(t, err)
	require.Equal(t, "f16_untied/config.json", s.Where)

	for _, path := range []string{"gguf/llama", "gguf/llama/model.gguf", "f16_untied"} {
		s, err = OpenModel(ctx, golden, path)
		require.NoError(t, err)
		c, err := ReadModelConfig(ctx, golden, path)
		require.NoError(t, err)
		require.Equal(t, s.Config, c)
	}

	_, err = OpenModel(ctx, golden, "gguf/absent.gguf")
	require.ErrorIs(t, err, fault.Missing)
	store := blob.NewMem(map[string][]byte{"two/a.gguf": nil, "two/b.GGUF": nil, "below/x/a.gguf": nil})
	_, err = OpenModel(ctx, store, "two")
	require.ErrorContains(t, err, `two: holds "two/a.gguf" and "two/b.GGUF"; name one of the files`)
	_, err = OpenModel(ctx, store, "below")
	require.ErrorIs(t, err, &fault.Error{Kind: fault.Missing, Where: "below/config.json"})
}

// small is the metadata of a Llama with one layer, with changes. A nil value removes a key.
func small(changes ...g.Entry) []g.Entry {
	entries := []g.Entry{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(1)},
		{Key: "llama.context_length", Value: uint32(16)}, {Key: "llama.embedding_length", Value: uint32(8)},
		{Key: "llama.feed_forward_length", Value: uint32(8)}, {Key: "llama.attention.head_count", Value: uint32(2)},
		{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)}}
	for _, c := range changes {
		entries = slices.DeleteFunc(entries, func(e g.Entry) bool { return e.Key == c.Key })
		if c.Value != nil {
			entries = append(entries, c)
		}
	}
	return entries
}

// renamed is small under another architecture.
func renamed(arch string) []g.Entry {
	entries := small()[1:]
	for i := range entries {
		entries[i].Key = arch + strings.TrimPrefix(entries[i].Key, "llama")
	}
	return entries
}

func smallTensors(more ...g.Tensor) []g.Tensor {
	list := append([]g.Tensor{{Name: "token_embd.weight", Dims: []uint64{8, 4}}}, more...)
	for i := range list {
		list[i].Offset = uint64(i) * 256
	}
	return list
}

// TestUnsupportedGGUF opens valid GGUF files of unsupported models.
func TestUnsupportedGGUF(t *testing.T) {
	with := func(key string, value any) []g.Entry { return small(g.Entry{Key: key, Value: value}) }
	for name, c := range map[string]struct {
		metadata []g.Entry
		tensors  []g.Tensor
		kind     fault.Kind
		message  string
	}{
		"no architecture": {with("general.architecture", nil), nil, fault.Missing,
			`metadata "general.architecture": is missing`},
		"architecture": {with("general.architecture", "mamba"), nil, fault.Unsupported,
			`"general.architecture": is "mamba"`},
		"no width": {with("llama.embedding_length", nil), nil, fault.Missing,
			`metadata "llama.embedding_length": is missing`},
		"width as text": {with("llama.embedding_length", "8"), nil, fault.Unsupported, "is not a single number"},
		"layers": {with("llama.block_count", uint32(1<<31)), nil, fault.TooLarge,
			`metadata "llama.block_count": is 2147483648 (limit 1 to 256)`},
		"no layers": {with("llama.block_count", uint32(0)), nil, fault.OutOfRange, "llama.block_count"},
		"heads a layer": {with("llama.attention.head_count", []int32{2, 2}), nil, fault.Unsupported,
			"use a model whose layers are all the same"},
		"heads": {with("llama.attention.head_count", uint32(3)), nil, fault.Mismatch,
			`metadata "llama.attention.head_count": 3 does not divide`},
		"key heads": {with("llama.attention.head_count_kv", uint64(1<<63)), nil, fault.Malformed,
			"llama.attention.head_count_kv"},
		"eps": {with("llama.attention.layer_norm_rms_epsilon", float32(0)), nil, fault.OutOfRange,
			"layer_norm_rms_epsilon"},
		"key width": {slices.Concat([]g.Entry{{Key: "general.architecture", Value: "qwen3"}}, renamed("qwen3")),
			nil, fault.Missing, "qwen3.attention.key_length"},
		"partial": {with("llama.rope.dimension_count", uint32(2)), nil, fault.Unsupported,
			"but the head width is 4"},
		"values": {with("llama.attention.value_length", uint32(8)), nil, fault.Unsupported,
			"llama.attention.value_length"},
		"scaling": {with("llama.rope.scaling.type", "yarn"), nil, fault.Unsupported,
			`"llama.rope.scaling.type": is "yarn"`},
		"window": {with("llama.attention.sliding_window", uint32(8)), nil, fault.Unsupported,
			"limits attention to 8 of up to 16 positions"},
		"experts": {with("llama.expert_count", uint32(8)), nil, fault.Unsupported, "llama.expert_count"},
		"split":   {with("split.count", uint32(3)), nil, fault.Unsupported, "gguf-split --merge"},
		"end": {with("tokenizer.ggml.eos_token_id", uint32(4)), nil, fault.OutOfRange,
			`metadata "tokenizer.ggml.eos_token_id": 4 is not a token id`},
		"no table": {small(), []g.Tensor{{Name: "x", Dims: []uint64{4}}}, fault.Missing,
			`tensor "token_embd.weight"`},
		"scaling factor": {with("llama.rope.scaling.factor", "4"), nil, fault.Malformed,
			`"llama.rope.scaling.factor": is not a number`},
		"scaling shrinks": {with("llama.rope.scale_linear", float32(.5)), nil, fault.OutOfRange,
			`metadata "llama.rope.scale_linear": is 0.5`},
		"scaled scores": {with("llama.rope.scaling.attn_factor", float32(.5)), nil, fault.Unsupported,
			"llama.rope.scaling.attn_factor"},
		"divisors": {small(), smallTensors(g.Tensor{Name: "rope_freqs.weight", Dims: []uint64{2}}),
			fault.OutOfRange, `tensor "rope_freqs.weight": element 0 is 0`},
		"more divisors": {small(), smallTensors(g.Tensor{Name: "rope_freqs.weight", Dims: []uint64{4}}),
			fault.Mismatch, "is F32[4], but the heads have 2 rotary pairs"},
		"packed divisors": {small(), smallTensors(g.Tensor{Name: "rope_freqs.weight", Dims: []uint64{2}, Type: 1}),
			fault.Mismatch, "is F16[2]"},
		"query rows": {small(), smallTensors(g.Tensor{Name: "blk.0.attn_q.weight", Dims: []uint64{8, 6}}),
			fault.Mismatch, "not a multiple of the head width 4"},
		"two names": {small(), smallTensors(g.Tensor{Name: "blk.0.attn_v.weight", Dims: []uint64{8, 8}},
			g.Tensor{Name: "model.layers.0.self_attn.v_proj.weight", Dims: []uint64{8, 8}}), fault.Malformed,
			"under another name"},
		"no layer's tensors": {small(), nil, fault.Missing, `tensor "model.layers.0.input_layernorm.weight"`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.tensors == nil {
				c.tensors = smallTensors()
			}
			data := g.File{Metadata: c.metadata, Tensors: c.tensors, Data: make([]byte, 4096)}.Encode()
			_, err := OpenModel(t.Context(), blob.NewMem(map[string][]byte{"m.gguf": []byte(data)}), "m.gguf")
			require.ErrorContains(t, err, c.message)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "m.gguf: ")
		})
	}
}

// TestGGUFRopeScaling checks that RoPE scaling is read like llama.cpp does: the factor is linear
// unless there is a type.
func TestGGUFRopeScaling(t *testing.T) {
	entry := func(key string, value any) g.Entry { return g.Entry{Key: "llama.rope." + key, Value: value} }
	for name, c := range map[string]struct {
		metadata []g.Entry
		want     RopeScaling
	}{
		"none":      {small(entry("scaling.type", "none"), entry("scaling.factor", float32(4))), RopeScaling{}},
		"zero":      {small(entry("scaling.factor", float32(0))), RopeScaling{}},
		"no factor": {small(entry("scaling.type", "linear")), RopeScaling{}},
		"untyped": {small(entry("scaling.factor", float32(4)), entry("scaling.original_context_length", uint32(8))),
			RopeScaling{Factor: 4}},
		"old": {small(entry("scale_linear", float32(2))), RopeScaling{Factor: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			data := g.File{Metadata: c.metadata, Tensors: smallTensors(), Data: make([]byte, 4096)}.Encode()
			config, _, err := OpenGGUF(t.Context(), blob.NewMem(map[string][]byte{"m.gguf": []byte(data)}), "m.gguf")
			require.NoError(t, err)
			require.Equal(t, c.want, config.RopeScaling)
		})
	}
	for _, window := range []uint32{0, 16} { // no window, and one that covers every position
		data := g.File{Metadata: small(g.Entry{Key: "llama.attention.sliding_window", Value: window}),
			Tensors: smallTensors(), Data: make([]byte, 4096)}.Encode()
		_, _, err := OpenGGUF(t.Context(), blob.NewMem(map[string][]byte{"m.gguf": []byte(data)}), "m.gguf")
		require.NoError(t, err)
	}
	llama3, _, err := OpenGGUF(t.Context(), golden, "rope/llama3/model.gguf")
	require.NoError(t, err)
	hf, err := ReadConfig(t.Context(), golden, "rope/llama3/hf")
	require.NoError(t, err)
	require.Equal(t, hf.HeadDim, llama3.HeadDim, "attention.key_length, not embedding_length / head_count")
	require.InEpsilonSlice(t, hf.RopeFrequencies(), llama3.RopeFrequencies(), 1e-6)
}
