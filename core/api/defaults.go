package api

// Defaults are the values that the browser module uses where its caller sets none. The sampling is
// also the default of "nextquill write".
type Defaults struct {
	Preset   string   `json:"preset"`
	Epochs   float64  `json:"epochs"` // of each phase
	Seed     uint64   `json:"seed"`   // of training
	Sampling Sampling `json:"sampling"`
	// Datastore is that of phases with a datastore.
	Datastore Datastore `json:"datastore"`
}

// ModuleDefaults returns the defaults of the browser module.
func ModuleDefaults() Defaults {
	return Defaults{
		Preset: "quill", Epochs: 3, Seed: 1,
		Sampling: Sampling{
			Temperature: .7, TopK: 40, TopP: new(.95), RepetitionPenalty: new(1.1), MaxTokens: new(96),
		},
		Datastore: DefaultDatastore(),
	}
}

// Or returns what a parameter is set to, or the default if it is not set.
func Or[T any](set *T, otherwise T) T {
	if set == nil {
		return otherwise
	}
	return *set
}
