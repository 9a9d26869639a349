package main

import "nextquill/core/api"

// Default training parameters. With them `nextquill run` takes under five minutes on two processor
// cores with the embedded model.
var (
	defaultLoRA     = api.LoRA{Rank: new(8), Alpha: new(16.)}
	defaultTraining = api.Training{Epochs: new(3.), LR: new(1e-3), Decay: api.DecayCosine}
)

// batchRule says what api.DefaultBatchSize computes.
const batchRule = "a twentieth of the training texts, at least 2, at most 8"

// demo has the other parameters of `nextquill run`. The subjects were chosen before any model had
// written about them.
var demo = struct {
	maxItems, maxHeldout int
	sampling             api.Sampling
	unseen               int      // number of held-out subjects to write about
	words                []string // preferred subjects, by the value of the first context field
	explain              string   // the held-out text to explain, by its subject
}{
	maxItems: 160, maxHeldout: 60,
	sampling: api.Sampling{
		Temperature: .7, TopK: 40, TopP: new(.95), RepetitionPenalty: new(1.1), Seed: 1, MaxTokens: new(64),
	},
	unseen:  4,
	words:   []string{"dictionary", "happiness", "education", "duty"},
	explain: "happiness",
}
