package api

// Defaults are the values that the command line and the browser module use where the caller sets none.
type Defaults struct {
	Preset   string   `json:"preset"`
	Epochs   float64  `json:"epochs"` // of each phase
	Seed     uint64   `json:"seed"`   // of training
	Sampling Sampling `json:"sampling"`
}

// CommonDefaults returns the defaults of the command line and the browser module.
func CommonDefaults() Defaults {
	return Defaults{
		Preset: "nextquill", Epochs: 3, Seed: 1,
		Sampling: Sampling{Temperature: .7, TopK: 40, TopP: .95, RepetitionPenalty: 1.1, MaxTokens: 96},
	}
}
