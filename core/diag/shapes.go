package diag

import "nextquill/core/weights"

// shape is a published model whose shape is measured with random weights.
type shape struct {
	name   string
	config weights.Config
	bases  []string
}

// shapes follow the config.json of HuggingFaceTB/SmolLM2-135M and Qwen/Qwen2.5-0.5B. The longest
// sequence is that of the measurement.
var shapes = []shape{
	{
		name: "SmolLM2-135M",
		config: weights.Config{
			HiddenSize: 576, IntermediateSize: 1536, Layers: 30, Heads: 9, KVHeads: 3, HeadDim: 64,
			VocabSize: 49152, MaxPositions: 512, RMSNormEps: 1e-5, RopeTheta: 100000, TieEmbeddings: true, BOS: -1,
		},
		bases: []string{"f32", "f16", "q8", "q4"},
	},
	{
		name: "Qwen2.5-0.5B",
		config: weights.Config{
			HiddenSize: 896, IntermediateSize: 4864, Layers: 24, Heads: 14, KVHeads: 2, HeadDim: 64,
			VocabSize: 151936, MaxPositions: 512, RMSNormEps: 1e-6, RopeTheta: 1e6, QKVBias: true,
			TieEmbeddings: true, BOS: -1,
		},
		bases: []string{"f16", "q4"},
	},
}
