package api

// Phase is one training run of a recipe.
type Phase struct {
	Preset string `json:"preset"`
	// Expert says that the adapter of the previous phase is the frozen expert θ_D of this one; see
	// PersonalizeParams.Expert.
	Expert bool `json:"expert"`
	// From says that the phase starts from the adapter that the caller continues, if there is one; see
	// PersonalizeParams.From. A phase that trains an expert starts from scratch, so that the expert
	// judges by this history alone.
	From bool `json:"from"`
}

// Recipe returns the phases that train an adapter with a preset, in order. The adapter of the last one is
// the result.
//
// The paper's method has two: a ContextSFT adapter is trained first, and serves as the frozen expert that
// weights the tokens in the second phase.
func Recipe(preset string) []Phase {
	if preset == "nextquill" {
		return []Phase{{Preset: "contextsft"}, {Preset: preset, Expert: true, From: true}}
	}
	return []Phase{{Preset: preset, From: true}}
}

// Defaults are the values that the command line and the browser module use where the caller sets none.
type Defaults struct {
	Preset   string   `json:"preset"`
	Epochs   float64  `json:"epochs"` // of each phase
	Seed     uint64   `json:"seed"`
	Sampling Sampling `json:"sampling"`
}

// CommonDefaults returns the defaults of the command line and the browser module.
func CommonDefaults() Defaults {
	return Defaults{
		Preset: "nextquill", Epochs: 3, Seed: 1,
		Sampling: Sampling{Temperature: .7, TopK: 40, TopP: .95, RepetitionPenalty: 1.1, MaxTokens: 96},
	}
}
