package weights

import (
	"encoding/json"

	"nextquill/core/fault"
)

// torchNames are the spellings of the types in config.json.
var torchNames = map[DType]string{F32: "float32", F16: "float16", BF16: "bfloat16"}

// ConfigWithDType returns the config.json of a model with config c and another weight type; ""
// keeps the type. All other fields stay, known or not, except that tie_word_embeddings is false if
// the model has a head of its own.
func ConfigWithDType(name string, data []byte, c Config, dtype DType) ([]byte, error) {
	f, err := readFields(name, data)
	if err != nil {
		return nil, err
	}
	if dtype != "" {
		key := "dtype" // the name since transformers 5
		if !f.absent("torch_dtype") {
			key = "torch_dtype"
		}
		f.raw[key] = marshal(torchNames[dtype])
	}
	if !c.TieEmbeddings && f.bool("tie_word_embeddings", false) {
		f.raw["tie_word_embeddings"] = json.RawMessage("false")
	}
	return indented(f.raw), nil
}

// ConfigJSON returns a config.json for c with weights of type dtype. GGUF files have none of their
// own.
func ConfigJSON(c Config, dtype DType) ([]byte, error) {
	if c.RopeDivisors != nil {
		return nil, fault.New(fault.Unsupported, ggufDivisors, "",
			"has per-frequency rotary divisors, which config.json cannot express").
			WithRemedy("use the model's safetensors files")
	}
	arch := families[0]
	for _, a := range families {
		if a.qkNorm == c.QKNorm && a.qkvBias == (c.QKVBias && !c.OutputBias) {
			arch = a
			break
		}
	}
	rope := map[string]any{"rope_type": "default", "rope_theta": c.RopeTheta}
	if s := c.RopeScaling; s.Factor != 0 {
		rope["rope_type"], rope["factor"] = "linear", s.Factor
		if s.LowFreqFactor != 0 {
			rope["rope_type"], rope["low_freq_factor"], rope["high_freq_factor"] = "llama3", s.LowFreqFactor,
				s.HighFreqFactor
			rope["original_max_position_embeddings"] = s.OriginalPositions
		}
	}
	config := map[string]any{
		"architectures": []string{arch.architecture}, "model_type": arch.modelType, "dtype": torchNames[dtype],
		"hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size":              c.VocabSize,
		"max_position_embeddings": c.MaxPositions, "rms_norm_eps": c.RMSNormEps, "rope_theta": c.RopeTheta,
		"rope_parameters":     rope,
		"tie_word_embeddings": c.TieEmbeddings, "hidden_act": "silu", "bos_token_id": nil, "eos_token_id": nil,
	}
	if arch.attentionBias {
		config["attention_bias"] = c.OutputBias
	}
	if arch.windowSwitch {
		config["use_sliding_window"] = false
	}
	if c.BOS >= 0 {
		config["bos_token_id"] = c.BOS
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		config["eos_token_id"] = c.EOS[0]
	default:
		config["eos_token_id"] = c.EOS
	}
	return indented(config), nil
}

func indented(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // only numbers, strings and JSON that was parsed before
	}
	return append(b, '\n')
}
