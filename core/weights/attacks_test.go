package weights

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

var update = flag.Bool("update", false, "write testdata/attacks anew")

// st is a safetensors file with any header and n zero bytes of data.
func st(header string, n int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", n)
}

func f32(name, shape string, begin, end int) string {
	return fmt.Sprintf(`%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, name, shape, begin, end)
}

func config(extra string) string { return `{"model_type":"llama","hidden_size":16,` + extra + `}` }

func adapter(extra string) string {
	return `{"peft_type":"LORA","r":4,"target_modules":["q_proj"]` + extra + `}`
}

// pairOf is an adapter with one pair, all ones except for the last value.
func pairOf(last string) string {
	header := "{" + f32("base_model.model.m.q_proj.lora_A.weight", "[4,1]", 0, 16) + "," +
		f32("base_model.model.m.q_proj.lora_B.weight", "[1,4]", 16, 32) + "}"
	return st(header, 0) + strings.Repeat("\x00\x00\x80\x3f", 7) + last
}

// attacks are hostile or damaged files: their content, and the faults that they must give. The end
// of the name selects the reader. They are stored in testdata/attacks (written by go test -update),
// so that other readers can be tested with them.
var attacks = []struct {
	file, content string
	kind          fault.Kind
	message       string // part of it
}{
	{"empty.safetensors", "", fault.Malformed, "0 bytes, too few"},
	{"seven-bytes.safetensors", "\x01\x00\x00\x00\x00\x00\x00", fault.Malformed, "7 bytes, too few"},
	{"header-huge.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", fault.TooLarge,
		"a length of 18446744073709551615 bytes (limit 100000000)"},
	{"header-past-end.safetensors", "\x40\x00\x00\x00\x00\x00\x00\x00{}", fault.Malformed,
		"has a length of 64 bytes, but only 2 bytes follow"},
	{"header-empty.safetensors", st("", 0), fault.Malformed, "opening brace"},
	{"header-array.safetensors", st("[]", 0), fault.Malformed, "opening brace"},
	{"header-cut.safetensors", st(`{"x":{"dtype":"F32"`, 0), fault.Malformed, "end of the text"},
	{"header-deep.safetensors", st(`{"x":{"y":`+strings.Repeat("[", 5000), 0), fault.Malformed, "nested deeper"},
	{"header-not-utf8.safetensors", st("{\"\xff\":1}", 0), fault.Malformed, "invalid UTF-8"},
	{"header-trailing.safetensors", st(`{}{}`, 0), fault.Malformed, "end of the text expected"},
	{"metadata-number.safetensors", st(`{"__metadata__":{"a":1}}`, 0), fault.Malformed, "a string expected"},
	{"past-end.safetensors", st("{"+f32("x", "[25]", 0, 100)+"}", 64), fault.Malformed,
		`tensor "x": data_offsets ends at 100, but the file has 64 data bytes; the file is truncated: download ` +
			`it again`},
	{"overlap.safetensors", st("{"+f32("x", "[4]", 0, 16)+","+f32("y", "[4]", 8, 24)+"}", 24), fault.Malformed,
		`tensor "y": overlaps`},
	{"same-bytes.safetensors", st("{"+f32("x", "[4]", 0, 16)+","+f32("y", "[4]", 0, 16)+"}", 16), fault.Malformed,
		"overlaps"},
	{"hole.safetensors", st("{"+f32("x", "[4]", 0, 16)+","+f32("y", "[4]", 32, 48)+"}", 48), fault.Malformed,
		"gap of 16 bytes"},
	{"first-hole.safetensors", st("{"+f32("x", "[4]", 16, 32)+"}", 32), fault.Malformed, "gap of 16 bytes"},
	{"unclaimed-tail.safetensors", st("{"+f32("x", "[4]", 0, 16)+"}", 20), fault.Malformed,
		"describes 16 data bytes, but the file has 20"},
	{"twice.safetensors", st("{"+f32("x", "[4]", 0, 16)+","+f32("x", "[4]", 16, 32)+"}", 32), fault.Malformed,
		`names "x" more than once`},
	{"backwards.safetensors", st("{"+f32("x", "[4]", 16, 0)+"}", 16), fault.Malformed, "data_offsets are [16 0]"},
	{"negative-offset.safetensors", st("{"+f32("x", "[4]", -16, 0)+"}", 16), fault.OutOfRange, "negative"},
	{"negative-dim.safetensors", st("{"+f32("x", "[-4,-1]", 0, 16)+"}", 16), fault.OutOfRange, "negative"},
	{"offset-overflow.safetensors", st(`{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,99999999999999999999]}}`, 16),
		fault.Malformed, "64 bits"},
	{"shape-overflow.safetensors", st("{"+f32("x", "[4294967296,4294967296,4]", 0, 16)+"}", 16), fault.TooLarge,
		"2^46"},
	{"shape-wraps-to-fit.safetensors", st("{"+f32("x", "[9223372036854775807,4]", 0, 16)+"}", 16), fault.TooLarge,
		"2^46"},
	{"shape-long.safetensors", st("{"+f32("x", "["+strings.Repeat("1,", 99)+"4]", 0, 16)+"}", 16), fault.Malformed,
		"more than 16"},
	{"shape-lies.safetensors", st("{"+f32("x", "[5]", 0, 16)+"}", 16), fault.Malformed,
		"F32[5] needs 20 bytes, but data_offsets gives it 16"},
	{"three-offsets.safetensors", st(`{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}}`, 16), fault.Malformed,
		"more than 2"},
	{"one-offset.safetensors", st(`{"x":{"dtype":"F32","shape":[4],"data_offsets":[0]}}`, 16), fault.Malformed,
		"data_offsets are [0]"},
	{"no-dtype.safetensors", st(`{"x":{"shape":[4],"data_offsets":[0,16]}}`, 16), fault.Malformed, "has no dtype"},
	{"dtype-twice.safetensors", st(`{"x":{"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]}}`, 16),
		fault.Malformed, `"dtype" twice`},
	{"dtype-unknown.safetensors", st(`{"x":{"dtype":"Q4","shape":[4],"data_offsets":[0,16]}}`, 16), fault.Unsupported,
		`element type "Q4"`},
	{"name-long.safetensors", st("{"+f32(strings.Repeat("x", 2000), "[4]", 0, 16)+"}", 16), fault.TooLarge,
		"limit 1024 bytes"},
	{"nan.safetensors", st("{"+f32("x", "[2]", 0, 8)+"}", 4) + "\x00\x00\xc0\x7f", fault.NaN,
		`tensor "x": element 1 is NaN`},
	{"infinite-half.safetensors", st(`{"x":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 0) + "\x00\xfc",
		fault.NaN, "element 0 is -Inf"},
	{"integers.safetensors", st(`{"x":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, 4), fault.Unsupported,
		"element type I32"},

	{"escape.index.json", `{"weight_map":{"x":"../../secret"}}`, fault.OutOfRange, "not a plain file name"},
	{"subfolder.index.json", `{"weight_map":{"x":"sub/shard"}}`, fault.OutOfRange, "not a plain file name"},
	{"absent.index.json", `{"weight_map":{"x":"absent.safetensors"}}`, fault.Missing, "download the missing shard"},
	{"none.index.json", `{"weight_map":{}}`, fault.Missing, "names no tensor"},
	{"lies.index.json", `{"weight_map":{"y":"good-shard.bin"}}`, fault.Mismatch, "places it elsewhere"},
	{"more.index.json", `{"weight_map":{"x":"good-shard.bin","y":"good-shard.bin"}}`, fault.Mismatch,
		`places tensor "y"`},
	{"not.index.json", `weight_map`, fault.Malformed, "is not a valid weight index"},

	{"not.config.json", `[1]`, fault.Malformed, "not a JSON object"},
	{"cut.config.json", `{"model_type":"lla`, fault.Malformed, "not a JSON object"},
	{"twice.config.json", `{"model_type":"llama","vocab_size":5,"vocab_size":6}`, fault.Malformed,
		"vocab_size: appears twice"},
	{"family.config.json", `{"architectures":["MambaForCausalLM"]}`, fault.Unsupported,
		`architectures: is "MambaForCausalLM"`},
	{"no-family.config.json", `{"hidden_size":16}`, fault.Missing, "model_type"},
	{"layers.config.json", config(`"num_hidden_layers":100000`), fault.TooLarge,
		"num_hidden_layers: is 100000 (limit 1 to 256)"},
	{"vocab.config.json", config(`"vocab_size":9223372036854775807`), fault.TooLarge, "vocab_size"},
	{"zero-heads.config.json", config(`"num_attention_heads":0`), fault.OutOfRange, "num_attention_heads"},
	{"negative.config.json", config(`"intermediate_size":-1`), fault.OutOfRange, "intermediate_size"},
	{"kv-heads.config.json", config(`"num_attention_heads":4,"num_key_value_heads":3`), fault.Mismatch,
		"num_key_value_heads: 3 does not divide"},
	{"head-dim.config.json", config(`"num_attention_heads":3`), fault.Mismatch, "head_dim is missing"},
	{"odd-head.config.json", config(`"num_attention_heads":4,"head_dim":5`), fault.Unsupported, "head_dim: 5 is odd"},
	{"wide-heads.config.json", config(`"num_attention_heads":1024,"head_dim":1024`), fault.TooLarge,
		"1024 heads of width 1024"},
	{"string.config.json", config(`"num_attention_heads":"4"`), fault.Malformed, "not an integer"},
	{"families.config.json", `{"architectures":["LlamaForCausalLM"],"model_type":"qwen2"}`, fault.Mismatch,
		`model_type: is "qwen2", but architectures is LlamaForCausalLM`},
	{"family2.config.json", `{"model_type":"qwen2_moe"}`, fault.Unsupported, `model_type: is "qwen2_moe"`},
	{"rope.config.json", config(`"rope_scaling":{"type":"longrope"},"num_attention_heads":4`), fault.Unsupported,
		`rope_scaling.type: is "longrope"`},
	{"rope-linear.config.json", config(`"rope_scaling":{"type":"linear"},"num_attention_heads":4`), fault.Missing,
		"is missing, but linear scaling requires it"},
	{"rope-linear-zero.config.json", config(`"rope_scaling":{"type":"linear","factor":0},"num_attention_heads":4`),
		fault.OutOfRange, "rope_scaling.factor: is 0"},
	{"rope5.config.json", config(`"rope_parameters":{"rope_type":"yarn"},"num_attention_heads":4`), fault.Unsupported,
		`rope_parameters.rope_type: is "yarn"`},
	{"rope-layers.config.json",
		config(`"rope_parameters":{"full_attention":{"rope_type":"yarn"}},"num_attention_heads":4`), fault.Unsupported,
		"rope_parameters.full_attention"},
	{"rope-factor.config.json", config(`"rope_scaling":{"rope_type":"llama3"},"num_attention_heads":4`), fault.Missing,
		"rope_scaling.factor"},
	{"rope-bounds.config.json",
		config(`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4},` +
			`"num_attention_heads":4`), fault.Mismatch, "high_freq_factor: 4 is not above"},
	{"rope-shrink.config.json",
		config(`"rope_scaling":{"rope_type":"llama3","factor":0.5,"low_freq_factor":1,"high_freq_factor":4},` +
			`"num_attention_heads":4`), fault.OutOfRange, "rope_scaling.factor: is 0.5"},
	{"partial.config.json", config(`"partial_rotary_factor":0.5,"num_attention_heads":4`), fault.Unsupported,
		"partial_rotary_factor: is 0.5"},
	{"window.config.json", `{"model_type":"mistral","sliding_window":4096,"max_position_embeddings":32768}`,
		fault.Unsupported, "sliding_window: limits attention to 4096 of up to 32768 positions"},
	{"window-default.config.json", `{"model_type":"mistral"}`, fault.Unsupported,
		"sliding_window: limits attention to 4096 of up to 131072"},
	{"window-on.config.json", `{"model_type":"qwen2","use_sliding_window":true,"max_window_layers":4}`,
		fault.Unsupported, "use_sliding_window: limits attention to 4096"},
	{"layer-types.config.json", `{"model_type":"qwen3","layer_types":["full_attention","sliding_attention"]}`,
		fault.Unsupported, `layer_types: has "sliding_attention"`},
	{"rope-zero.config.json", config(`"rope_theta":0,"num_attention_heads":4`), fault.OutOfRange, "rope_theta"},
	{"eps.config.json", config(`"rms_norm_eps":0,"num_attention_heads":4`), fault.OutOfRange, "rms_norm_eps"},
	{"act.config.json", config(`"hidden_act":"gelu"`), fault.Unsupported, `hidden_act: is "gelu"`},
	{"bias.config.json", config(`"attention_bias":1`), fault.Malformed,
		"attention_bias: \"1\" is neither true nor false"},
	{"mlp-bias.config.json", config(`"mlp_bias":true`), fault.Unsupported, "mlp_bias"},
	{"quantised.config.json", config(`"quantization_config":{"bits":4}`), fault.Unsupported, "quantization_config"},
	{"eos.config.json", config(`"num_attention_heads":4,"vocab_size":10,"bos_token_id":1,"eos_token_id":[3,10]`),
		fault.OutOfRange, "eos_token_id: 10 is not a token id"},
	{"bos.config.json", config(`"num_attention_heads":4,"bos_token_id":-1`), fault.OutOfRange, "bos_token_id"},

	{"not.adapter_config.json", `null`, fault.Malformed, "not a JSON object"},
	{"ia3.adapter_config.json", `{"peft_type":"IA3"}`, fault.Unsupported, `peft_type: is "IA3"`},
	{"dora.adapter_config.json", adapter(`,"use_dora":true`), fault.Unsupported, "use_dora: is"},
	{"save.adapter_config.json", adapter(`,"modules_to_save":["lm_head"]`), fault.Unsupported, "modules_to_save: is"},
	{"ranks.adapter_config.json", adapter(`,"rank_pattern":{"layers.0.(q|k)_proj":8}`), fault.Unsupported,
		`in which "(q|k)_proj" is not supported`},
	{"ranks-zero.adapter_config.json", adapter(`,"rank_pattern":{"q_proj":0}`), fault.Malformed,
		"0 is not a rank from 1 to 4096"},
	{"ranks-many.adapter_config.json", adapter(`,"rank_pattern":{"q_proj":8,"q_proj":9}`), fault.Malformed,
		`names "q_proj" twice`},
	{"alphas.adapter_config.json", adapter(`,"alpha_pattern":{".*":1}`), fault.Unsupported,
		`in which "*" is not supported`},
	{"alphas-huge.adapter_config.json", adapter(`,"alpha_pattern":{"q_proj":1e9}`), fault.Malformed,
		"is not an alpha with a magnitude up to 1e+06"},
	{"alphas-list.adapter_config.json", adapter(`,"alpha_pattern":[1]`), fault.Malformed, "not an object of numbers"},
	{"layers.adapter_config.json", adapter(`,"layers_to_transform":"all"`), fault.Malformed, "layers_to_transform"},
	{"replicated.adapter_config.json", adapter(`,"layer_replication":[[0,4],[2,5]]`), fault.Unsupported,
		"layer_replication: is"},
	{"parameters.adapter_config.json", adapter(`,"target_parameters":["experts"]`), fault.Unsupported,
		"target_parameters: is"},
	{"tokens.adapter_config.json", adapter(`,"trainable_token_indices":[5]`), fault.Unsupported,
		"trainable_token_indices: is"},
	{"lora-bias.adapter_config.json", adapter(`,"lora_bias":true`), fault.Unsupported, "lora_bias: is"},
	{"bias.adapter_config.json", adapter(`,"bias":"all"`), fault.Unsupported, `bias: is "all"`},
	{"fan.adapter_config.json", adapter(`,"fan_in_fan_out":true`), fault.Unsupported, "fan_in_fan_out"},
	{"pissa.adapter_config.json", adapter(`,"init_lora_weights":"pissa"`), fault.Unsupported, "changes the base model"},
	{"future.adapter_config.json", adapter(`,"use_qzlora":{"x":1}`), fault.Unsupported, "use_qzlora"},
	{"rank.adapter_config.json", `{"peft_type":"LORA","r":1000000000,"target_modules":["x"]}`, fault.TooLarge,
		"r: is 1000000000"},
	{"rank0.adapter_config.json", `{"peft_type":"LORA","r":0,"target_modules":["x"]}`, fault.OutOfRange, "r: is 0"},
	{"alpha.adapter_config.json", adapter(`,"lora_alpha":1e300`), fault.OutOfRange, "lora_alpha"},
	{"targets.adapter_config.json", `{"peft_type":"LORA","target_modules":[]}`, fault.Missing, "target_modules"},

	{"other-rank.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_A.weight", "[2,2]", 0, 16)+"}", 16),
		fault.Mismatch, "does not match rank r=4"},
	{"half-pair.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_A.weight", "[4,1]", 0, 16)+"}", 16),
		fault.Missing, "has lora_A but no lora_B"},
	{"other-module.adapter.safetensors", st("{"+f32("base_model.model.m.k_proj.lora_A.weight", "[4,1]", 0, 16)+"}", 16),
		fault.Mismatch, "target_modules does not name"},
	{"magnitude.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_magnitude_vector", "[4]", 0, 16)+"}",
		16), fault.Unsupported, "neither lora_A nor lora_B"},
	{"full.adapter.safetensors", st("{"+f32("model.norm.weight", "[4]", 0, 16)+"}", 16), fault.Unsupported,
		"does not start with base_model.model."},
	{"head.adapter.safetensors", st("{"+f32("base_model.model.lm_head.lora_A.weight", "[4,1]", 0, 16)+"}", 16),
		fault.Unsupported, "belongs to the head, lm_head"},
	{"saved.adapter.safetensors", st("{"+f32("base_model.model.model.norm.modules_to_save.weight", "[4]", 0, 16)+"}",
		16), fault.Unsupported, "a complete layer of modules_to_save"},
	{"embedding.adapter.safetensors", st("{"+f32("base_model.model.model.embed_tokens.lora_embedding_A", "[4,1]", 0,
		16)+"}", 16), fault.Unsupported, "belongs to the embedding table"},
	{"flat.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_A.weight", "[4]", 0, 16)+"}", 16),
		fault.Mismatch, "has shape [4]"},
	{"no-width.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_A.weight", "[4,0]", 0, 0)+","+
		f32("base_model.model.m.q_proj.lora_B.weight", "[1,4]", 0, 16)+"}", 16), fault.Missing, "or an empty one"},
	{"nan.adapter.safetensors", pairOf("\x00\x00\xc0\x7f"), fault.NaN, `lora_B.weight": element 3 is NaN`},
	{"huge.adapter.safetensors", pairOf("\xff\xff\x7f\x7f"), fault.OutOfRange,
		"changes its layer by a norm of up to 1.36e+39 (limit 1e+06)"},
	{"claims.adapter.safetensors", st("{"+f32("base_model.model.m.q_proj.lora_A.weight", "[4,70000000]", 0, 1120000000)+
		"}", 16), fault.Malformed, "but the file has 16 data bytes"},
	{"nothing.adapter.safetensors", st("{}", 0), fault.Missing, "no LoRA tensor"},
}

// open reads a complete file with the reader that its name selects.
func open(ctx context.Context, s blob.Store, name string) error {
	base := path.Base(name)
	read := func(parse func(string, []byte) error) error {
		data, err := blob.ReadAll(ctx, s, name, maxConfig)
		if err != nil {
			return err
		}
		return parse(base, data)
	}
	switch {
	case strings.HasSuffix(name, ".adapter_config.json"):
		return read(func(n string, b []byte) error { _, err := ParseAdapterConfig(n, b); return err })
	case strings.HasSuffix(name, ".config.json"):
		return read(func(n string, b []byte) error { _, err := ParseConfig(n, b); return err })
	case strings.HasSuffix(name, ".index.json"):
		_, err := OpenSharded(ctx, s, name)
		return err
	}
	f, err := Open(ctx, s, name)
	if err != nil {
		return err
	}
	if strings.HasSuffix(name, ".adapter.safetensors") {
		a, err := ParseAdapterConfig("c", []byte(adapter("")))
		if err != nil {
			return err
		}
		return a.readPairs(ctx, f)
	}
	for _, t := range f.Tensors() {
		if _, err := f.ReadF32(ctx, t.Name); err != nil {
			return err
		}
	}
	return nil
}

func TestAttacks(t *testing.T) {
	if *update {
		require.NoError(t, os.RemoveAll("testdata/attacks"))
		require.NoError(t, os.MkdirAll("testdata/attacks", 0o755))
		for _, a := range attacks {
			require.NoError(t, os.WriteFile("testdata/attacks/"+a.file, []byte(a.content), 0o644))
		}
		require.NoError(t, os.WriteFile("testdata/attacks/good-shard.bin",
			[]byte(st("{"+f32("x", "[4]", 0, 16)+"}", 16)), 0o644))
	}
	files, err := golden.List(t.Context(), "attacks/")
	require.NoError(t, err)
	require.Len(t, files, len(attacks)+1)
	for _, a := range attacks {
		t.Run(a.file, func(t *testing.T) {
			name := "attacks/" + a.file
			content, err := blob.ReadAll(t.Context(), golden, name, 1e6)
			require.NoError(t, err)
			require.Equal(t, a.content, string(content))
			err = open(t.Context(), golden, name)
			require.ErrorContains(t, err, a.message)
			require.Equal(t, a.kind, fault.KindOf(err), "%v", err)
			require.Contains(t, err.Error(), strings.TrimPrefix(path.Base(name), "attacks/"), "the file is named")
			require.Less(t, len(err.Error()), 500)
		})
	}
}
