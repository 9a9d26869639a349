package weights

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

var golden = blob.FromFS(os.DirFS("testdata"))

type expectedTensor struct {
	DType string
	Shape []int
	Sum   float64
	Last  float32
	File  string
}

func requireExpected(t *testing.T, dir string, f *File) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + dir + "/expected.json")
	require.NoError(t, err)
	var want map[string]expectedTensor
	require.NoError(t, json.Unmarshal(data, &want))
	require.Len(t, f.Tensors(), len(want))
	torch := map[DType]string{F32: "torch.float32", F16: "torch.float16", BF16: "torch.bfloat16"}
	for name, w := range want {
		info, ok := f.Tensor(name)
		require.True(t, ok, name)
		require.Equal(t, w.DType, torch[info.DType], name)
		require.Equal(t, w.Shape, info.Shape, name)
		require.Equal(t, dir+"/"+w.File, info.Blob, name)
		got, err := f.ReadF32(t.Context(), name)
		require.NoError(t, err)
		var sum float64
		for _, v := range got {
			sum += float64(v)
		}
		require.InDelta(t, w.Sum, sum, 1e-9, name)
		require.Equal(t, w.Last, got[len(got)-1], name)
	}
}

func TestTransformersModelFolder(t *testing.T) {
	for _, c := range []struct {
		dir            string
		heads, headDim int
		tied           bool
	}{{"f16_untied", 4, 4, false}, {"bf16_tied_sharded", 4, 6, true}} {
		t.Run(c.dir, func(t *testing.T) {
			config, err := ReadConfig(t.Context(), golden, c.dir)
			require.NoError(t, err)
			require.Equal(t, Config{HiddenSize: 16, IntermediateSize: 24, Layers: 2, Heads: 4, KVHeads: 2,
				HeadDim: c.headDim, VocabSize: 29,
				MaxPositions: 64, RMSNormEps: 1e-6, RopeTheta: 5000, TieEmbeddings: c.tied, BOS: 0, EOS: []int32{1, 2}},
				config)
			f, err := OpenDir(t.Context(), golden, c.dir)
			require.NoError(t, err)
			requireExpected(t, c.dir, f)
			require.NoError(t, CheckLlama(config, f))
		})
	}
}

func TestHalfConversionIsExact(t *testing.T) {
	f, err := Open(t.Context(), golden, "half.safetensors")
	require.NoError(t, err)
	half, err := f.ReadF32(t.Context(), "f16")
	require.NoError(t, err)
	want, err := f.ReadF32(t.Context(), "f32")
	require.NoError(t, err)
	require.Equal(t, want, half)
}

func TestPEFTAdapter(t *testing.T) {
	ctx := t.Context()
	a, err := ReadAdapter(ctx, golden, "peft")
	require.NoError(t, err)
	require.Equal(t, 3, a.Rank)
	require.Equal(t, 12.0, a.Alpha)
	require.Equal(t, []string{"down_proj", "q_proj"}, a.Targets)
	require.Equal(t, []string{"model.layers.0.mlp.down_proj", "model.layers.0.self_attn.q_proj",
		"model.layers.1.mlp.down_proj", "model.layers.1.self_attn.q_proj"}, a.Paths())
	scaling, err := os.ReadFile("testdata/peft/scaling.txt")
	require.NoError(t, err)
	require.Equal(t, string(scaling), strconv.FormatFloat(a.Scaling(a.Paths()[0]), 'g', -1, 64))
	down := a.Pairs["model.layers.0.mlp.down_proj"]
	require.Equal(t, []int{24, 16, 72, 48}, []int{down.In, down.Out, len(down.A), len(down.B)})
	config, err := ReadConfig(ctx, golden, "bf16_tied_sharded")
	require.NoError(t, err)
	require.ErrorIs(t, CheckAdapter(config, a), fault.Mismatch, "q_proj is wider there")
	config.HeadDim = 4
	require.NoError(t, CheckAdapter(config, a))
	config.Layers = 1
	require.ErrorContains(t, CheckAdapter(config, a),
		`module "model.layers.1.mlp.down_proj": is not a linear layer of the base model`)

	// The written weights equal the reference's bytes.
	out := &blob.Mem{}
	require.NoError(t, WriteAdapter(ctx, out, "x", a))
	got, err := blob.ReadAll(ctx, out, "x/adapter_model.safetensors", 1e6)
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/peft/adapter_model.safetensors")
	require.NoError(t, err)
	require.Equal(t, want, got)
	again, err := ReadAdapter(ctx, out, "x")
	require.NoError(t, err)
	require.Equal(t, a, again)
}

func TestEncodeRoundTrip(t *testing.T) {
	ctx := t.Context()
	tensors := []Tensor{{"b", []int{2, 3}, []float32{1, 2, 3, 4, 5, -6}}, {"a<", nil, []float32{7}},
		{"c", []int{0, 5}, nil}}
	m := &blob.Mem{}
	require.NoError(t, Write(ctx, m, "f", tensors, map[string]string{"k": "v"}))
	f, err := Open(ctx, m, "f")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"k": "v"}, f.Metadata())
	for _, want := range tensors {
		got, err := f.ReadF32(ctx, want.Name)
		require.NoError(t, err)
		require.Equal(t, append([]float32{}, want.Data...), got)
	}
	info, _ := f.Tensor("b")
	require.Zero(t, info.Begin%4)
	part := make([]float32, 2)
	require.NoError(t, f.ReadF32At(ctx, info, part, 4))
	require.Equal(t, []float32{5, -6}, part)
	require.ErrorIs(t, f.ReadF32At(ctx, info, part, 5), fault.OutOfRange)
	require.Equal(t, Encode(tensors, nil), Encode([]Tensor{tensors[2], tensors[0], tensors[1]}, nil))
	_, err = f.ReadF32(ctx, "zzz")
	require.ErrorIs(t, err, fault.Missing)
}

func TestLongTensorsAreConvertedInChunks(t *testing.T) {
	data := make([]float32, 2*convertChunk+5)
	for i := range data {
		data[i] = float32(i)
	}
	m := &blob.Mem{}
	require.NoError(t, Write(t.Context(), m, "f", []Tensor{{"x", []int{len(data)}, data}}, nil))
	f, err := Open(t.Context(), m, "f")
	require.NoError(t, err)
	got, err := f.ReadF32(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestConfigDefaultsMatchTransformers(t *testing.T) {
	c, err := ParseConfig("config.json", []byte(`{"model_type":"llama"}`))
	require.NoError(t, err)
	require.Equal(t, Config{HiddenSize: 4096, IntermediateSize: 11008, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128,
		VocabSize:    32000,
		MaxPositions: 2048, RMSNormEps: 1e-6, RopeTheta: 10000, BOS: 1, EOS: []int32{2}}, c)
	c, err = ParseConfig("config.json",
		[]byte(`{"model_type":"llama","eos_token_id":null,"bos_token_id":null,"rope_scaling":null}`))
	require.NoError(t, err)
	require.Equal(t, int32(-1), c.BOS)
	require.Empty(t, c.EOS)
}

func TestFamilies(t *testing.T) {
	parse := func(content string) Config {
		t.Helper()
		c, err := ParseConfig("config.json", []byte(content))
		require.NoError(t, err)
		return c
	}
	// The expected values are those of transformers for a config with only a model type.
	c := parse(`{"model_type":"qwen2"}`)
	require.Equal(t, Config{HiddenSize: 4096, IntermediateSize: 22016, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128,
		VocabSize:    151936,
		MaxPositions: 32768, RMSNormEps: 1e-6, RopeTheta: 10000, QKVBias: true, BOS: -1}, c)
	c = parse(`{"architectures":["Qwen3ForCausalLM"],"hidden_size":1024,"num_attention_heads":16,` +
		`"num_key_value_heads":8}`)
	require.Equal(t, []int{128, 32}, []int{c.HeadDim, c.Layers}, "Qwen3's heads have a width of their own")
	require.True(t, c.QKNorm)
	require.False(t, c.QKVBias)
	c = parse(`{"model_type":"mistral","sliding_window":null}`)
	require.Equal(t, Config{HiddenSize: 4096, IntermediateSize: 14336, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128,
		VocabSize:    32000,
		MaxPositions: 131072, RMSNormEps: 1e-6, RopeTheta: 10000, BOS: 1, EOS: []int32{2}}, c)
	require.Equal(t, 32, parse(`{"model_type":"mistral","sliding_window":null,"num_key_value_heads":null}`).KVHeads)
	parse(`{"model_type":"mistral","sliding_window":4096,"max_position_embeddings":4096}`)
	parse(`{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":4,"max_window_layers":4}`)
	parse(`{"model_type":"qwen3","use_sliding_window":true,"num_hidden_layers":28}`)
	parse(`{"model_type":"qwen3","use_sliding_window":true,"num_hidden_layers":1,"max_window_layers":0,` +
		`"layer_types":["full_attention"]}`)
	parse(`{"model_type":"qwen2","use_sliding_window":false,"sliding_window":4096,"layer_types":["full_attention"]}`)

	// Qwen2 and Mistral have no attention_bias. In Llama and Qwen3 it also applies to o_proj.
	c = parse(`{"model_type":"qwen3","attention_bias":true}`)
	require.True(t, c.QKVBias && c.OutputBias)
	c = parse(`{"model_type":"qwen2","attention_bias":true}`)
	require.True(t, c.QKVBias && !c.OutputBias)

	for _, field := range []string{"rope_scaling", "rope_parameters"} {
		c = parse(`{"model_type":"llama","max_position_embeddings":131072,"` + field +
			`":{"rope_type":"llama3","rope_theta":500000,
			"factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}}`)
		require.Equal(t, RopeScaling{Factor: 32, LowFreqFactor: 1, HighFreqFactor: 4, OriginalPositions: 8192},
			c.RopeScaling)
		require.Equal(t, 500000.0, c.RopeTheta)
	}
	c = parse(`{"model_type":"llama","rope_scaling":{"type":"linear","factor":2.0}}`)
	require.Equal(t, RopeScaling{Factor: 2}, c.RopeScaling)
	require.Equal(t, .5, c.RopeFrequencies()[0])
	c = parse(`{"model_type":"llama","rope_scaling":{"rope_type":"dynamic","factor":2.0}}`)
	require.Zero(t, c.RopeScaling)
}

// The expected values are those of transformers' _compute_llama3_parameters, in float32, for
// Llama-3.2-1B.
func TestLlama3Frequencies(t *testing.T) {
	c := Config{HeadDim: 64, RopeTheta: 500000,
		RopeScaling: RopeScaling{Factor: 32, LowFreqFactor: 1, HighFreqFactor: 4, OriginalPositions: 8192}}
	freqs := c.RopeFrequencies()
	require.Len(t, freqs, 32)
	for i, want := range map[int]float64{0: 1, 1: 0.663601279, 10: 0.0165604409, 14: 0.00321144611, 15: 0.00129054801,
		16: 0.000429556705, 17: 9.70828623e-05, 18: 1.94616387e-05, 25: 1.10288363e-06, 31: 9.41830649e-08} {
		require.InEpsilon(t, want, freqs[i], 1e-5, "frequency %d", i)
	}
}

func TestCheckLlama(t *testing.T) {
	ctx := t.Context()
	config, err := ReadConfig(ctx, golden, "f16_untied")
	require.NoError(t, err)
	f, err := OpenDir(ctx, golden, "f16_untied")
	require.NoError(t, err)

	c := config
	c.Layers = 3
	require.ErrorContains(t, CheckLlama(c, f), `tensor "model.layers.2.input_layernorm.weight": is missing`)
	c.Layers = 1
	require.ErrorIs(t, CheckLlama(c, f), fault.Mismatch)
	require.ErrorContains(t, CheckLlama(c, f), "is not part of the model")
	c = config
	c.IntermediateSize = 25
	require.ErrorContains(t, CheckLlama(c, f),
		`tensor "model.layers.0.mlp.gate_proj.weight": has shape [24 16], but config.json requires [25 16]`)
	c = config
	c.TieEmbeddings = true
	require.NoError(t, CheckLlama(c, f), "a head beside tied embeddings is unused")

	var tensors []Tensor
	for _, s := range LlamaTensors(config) {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		tensors = append(tensors, Tensor{s.Name, s.Shape, make([]float32, n)})
	}
	tensors = append(tensors, Tensor{"model.layers.0.self_attn.rotary_emb.inv_freq", []int{2}, make([]float32, 2)})
	m := &blob.Mem{}
	require.NoError(t, Write(ctx, m, SingleName, tensors, nil))
	f, err = OpenDir(ctx, m, "")
	require.NoError(t, err)
	require.NoError(t, CheckLlama(config, f))
	_, err = OpenDir(ctx, m, "elsewhere")
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "holds neither model.safetensors nor model.safetensors.index.json")
}

// TestAdapterWithoutSafetensors: the remedy names the file that PEFT writes.
func TestAdapterWithoutSafetensors(t *testing.T) {
	config, err := os.ReadFile("testdata/peft/adapter_config.json")
	require.NoError(t, err)
	store := blob.NewMem(map[string][]byte{"a/adapter_config.json": config, "a/adapter_model.bin": nil})
	_, err = ReadAdapter(t.Context(), store, "a")
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "a: adapter_model.safetensors: is missing")
	require.ErrorContains(t, err, "an adapter_model.bin is not read")
}

func TestAdapterTargets(t *testing.T) {
	path := "model.layers.1.self_attn.q_proj"
	for config, want := range map[string]bool{
		`"target_modules":["q_proj"]`: true, `"target_modules":["self_attn.q_proj"]`: true,
		`"target_modules":["proj"]`:     false,
		`"target_modules":"all-linear"`: true, `"target_modules":".*\\.(q|v)_proj","exclude_modules":"lm_head"`: true,
		`"target_modules":["q_proj"],"layers_to_transform":[0,2]`:                          false,
		`"target_modules":["q_proj"],"layers_to_transform":1`:                              true,
		`"target_modules":["model.layers.1.self_attn.q_proj"],"layers_to_transform":[0]`:   true, // as PEFT does
		`"target_modules":["q_proj"],"layers_to_transform":[0],"layers_pattern":"h"`:       true, // the tensors decide
		`"target_modules":["q_proj"],"layers_to_transform":[],"layers_pattern":["layers"]`: true,
	} {
		a, err := ParseAdapterConfig("c", []byte(`{"peft_type":"LORA",`+config+`}`))
		require.NoError(t, err)
		require.Equal(t, want, a.TargetsModule(path), config)
		again, err := ParseAdapterConfig("c", a.configJSON())
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
	a := &Adapter{Rank: 4, Alpha: 8}
	require.Equal(t, 2.0, a.Scaling(path))
	a.RSLoRA = true
	require.Equal(t, 4.0, a.Scaling(path))
}

// The expected values are those of PEFT's get_pattern_key.
func TestOverrides(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"q_proj", "model.layers.0.self_attn.q_proj", true},
		{"_proj", "model.layers.0.self_attn.q_proj", false},
		{"self_attn.q_proj", "model.layers.0.self_attn.q_proj", true},
		{`layers\.1\.self_attn\.q_proj`, "model.layers.1.self_attn.q_proj", true},
		{`layers\.1\.self_attn\.q_proj`, "model.layers.11.self_attn.q_proj", false},
		{"layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj", false},
		{"q.proj", "m.q_proj", true},
		{`q\.proj`, "m.q_proj", false},
		{"^q_proj", "m.q_proj", false},
		{"^m.q_proj", "m.q_proj", true},
		{"m.q_proj", "m.q_proj", true},
		{"a.m.q_proj", "m.q_proj", false},
	} {
		require.Equal(t, c.want, Override{Pattern: c.pattern}.matches(c.path), "%s on %s", c.pattern, c.path)
	}
	a, err := ParseAdapterConfig("c",
		[]byte(adapter(`,"lora_alpha":8,"rank_pattern":{"1.q_proj":2,"q_proj":16},"alpha_pattern":{"k_proj":1.5}`)))
	require.NoError(t, err)
	require.Equal(t, []int{2, 16, 4}, []int{a.RankOf("l.1.q_proj"), a.RankOf("l.0.q_proj"), a.RankOf("l.0.k_proj")})
	require.Equal(t, []float64{8. / 16, 1.5 / 4}, []float64{a.Scaling("l.0.q_proj"), a.Scaling("l.0.k_proj")})
}

// UpdateNorm must equal the norm of the explicit product.
func TestUpdateNorm(t *testing.T) {
	a, err := ReadAdapter(t.Context(), golden, "peft")
	require.NoError(t, err)
	for _, path := range a.Paths() {
		p, sum := a.Pairs[path], 0.0
		for o := range p.Out {
			for i := range p.In {
				w := 0.0
				for r := range p.Rank() {
					w += float64(p.B[o*p.Rank()+r]) * float64(p.A[r*p.In+i])
				}
				sum += w * w
			}
		}
		require.InEpsilon(t, a.Scaling(path)*math.Sqrt(sum), a.UpdateNorm(path), 1e-9)
	}
}
