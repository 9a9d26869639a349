package weights

import "nextquill/core/fault"

// family is a model type of config.json, with the defaults of its config class in transformers.
type family struct {
	modelType    string // model_type
	architecture string // architectures[0]

	hidden, intermediate, layers, heads int
	kvHeads                             int // 0: same as heads
	headDim                             int // 0: hidden_size / num_attention_heads
	vocab, positions                    int
	bos, eos                            int // -1: none

	qkvBias       bool // q, k and v always have a bias; attention_bias is ignored
	attentionBias bool // attention_bias adds a bias to q, k, v and o
	qkNorm        bool // RMSNorm on each head of q and k
	window        int  // default of sliding_window; 0: the family has no sliding window
	windowSwitch  bool // the window is off unless use_sliding_window is true
}

// families are the supported model types. The values come from LlamaConfig, MistralConfig,
// Qwen2Config and Qwen3Config of transformers.
var families = []family{
	{
		modelType: "llama", architecture: "LlamaForCausalLM",
		hidden: 4096, intermediate: 11008, layers: 32, heads: 32, vocab: 32000, positions: 2048, bos: 1, eos: 2,
		attentionBias: true,
	},
	{
		modelType: "mistral", architecture: "MistralForCausalLM",
		hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, vocab: 32000, positions: 131072, bos: 1,
		eos:    2,
		window: 4096,
	},
	{
		modelType: "qwen2", architecture: "Qwen2ForCausalLM",
		hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, vocab: 151936, positions: 32768, bos: -1,
		eos:     -1,
		qkvBias: true, window: 4096, windowSwitch: true,
	},
	{
		modelType: "qwen3", architecture: "Qwen3ForCausalLM",
		hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, headDim: 128, vocab: 151936,
		positions: 32768, bos: -1, eos: -1,
		attentionBias: true, qkNorm: true, window: 4096, windowSwitch: true,
	},
}

// family returns the model type. After a fault it returns Llama, so that the caller can continue to
// read.
func (f *fields) family() family {
	architectures, modelType := f.strings("architectures"), f.string("model_type", "")
	if f.err != nil {
		return families[0]
	}
	const remedy = "use a model of the Llama, Mistral, Qwen2 or Qwen3 family"
	switch {
	case len(architectures) > 0:
		for _, a := range families {
			if a.architecture != architectures[0] {
				continue
			}
			if modelType != "" && modelType != a.modelType {
				f.fail(fault.Mismatch, "model_type", "is %s, but architectures is %s", fault.Quote(modelType),
					a.architecture).
					WithRemedy("correct the one that is wrong")
			}
			return a
		}
		f.fail(fault.Unsupported, "architectures", "is %s", fault.Quote(architectures[0])).WithRemedy(remedy)
	case modelType != "":
		for _, a := range families {
			if a.modelType == modelType {
				return a
			}
		}
		f.fail(fault.Unsupported, "model_type", "is %s", fault.Quote(modelType)).WithRemedy(remedy)
	default:
		f.fail(fault.Missing, "model_type", "is missing, so the model type is unknown").
			WithRemedy(`add "model_type": "llama" if it is a Llama model`)
	}
	return families[0]
}

// checkWindow rejects sliding-window attention, unless the window covers the longest sequence. The
// fault names the field that enables the window.
func (f *fields) checkWindow(a family, c *Config) {
	types := f.strings("layer_types")
	for _, kind := range types {
		if kind != "full_attention" {
			f.fail(fault.Unsupported, "layer_types", "has %s", fault.Quote(kind)).
				WithRemedy("use a model with full_attention in all layers")
			return
		}
	}
	if a.window == 0 {
		return
	}
	field := "sliding_window"
	if a.windowSwitch {
		field = "use_sliding_window"
		// The first max_window_layers layers have full attention, unless layer_types says more.
		if !f.bool(field, false) || types != nil || f.int("max_window_layers", 28, 0, maxLayers) >= c.Layers {
			return
		}
	}
	if !f.absent("sliding_window") && f.null("sliding_window") {
		return
	}
	if w := f.int("sliding_window", a.window, 1, maxPositions); f.err == nil && w < c.MaxPositions {
		f.fail(fault.Unsupported, field, "limits attention to %d of up to %d positions", w, c.MaxPositions).
			WithRemedy("use a model with full attention; for short texts, lower max_position_embeddings to the window")
	}
}
