package main

import "nextquill/core/api"

// The parameters of learning where no flag says otherwise: chosen so that `nextquill run` takes under five minutes on two
// processor cores with the embedded model.
var (
	usualLoRA     = api.LoRA{Rank: 8, Alpha: 16}
	usualTraining = api.Training{Epochs: 3, BatchSize: 8, LR: 1e-3, Decay: "cosine"}
)

// showcase is what else `nextquill run` does. The subjects were chosen before any model had written about them.
var showcase = struct {
	maxItems, maxHeldout int
	sampling             api.Sampling
	unseen               int      // held-out subjects to write about
	words                []string // the subjects to prefer, by the value of their first context field
	explain              string   // the held-out text to explain, by the same
}{
	maxItems: 160, maxHeldout: 60,
	sampling: api.Sampling{Temperature: .7, TopK: 40, TopP: .95, RepetitionPenalty: 1.1, Seed: 1, MaxTokens: 64},
	unseen:   4,
	words:    []string{"dictionary", "happiness", "education", "duty"},
	explain:  "happiness",
}
