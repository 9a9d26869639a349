package api

import "nextquill/core/causal"

// Phase is one call of "personalize" in a run that trains with a preset. Out and Expert are names
// of folders within the output folder of the run.
type Phase struct {
	Preset string `json:"preset"` // PersonalizeParams.Preset
	Out    string `json:"out"`    // where the phase writes its adapter
	// Expert is the folder that an earlier phase wrote, for PersonalizeParams.Expert; "" if the
	// phase needs none.
	Expert string `json:"expert,omitempty"`
	// From tells whether the phase starts from the adapter that the run continues, if there is one.
	// The expert never does: it weighs the tokens of these texts, so it trains on them only.
	From bool `json:"from,omitempty"`
	// Datastore tells whether the phase also writes a datastore, for PersonalizeParams.Datastore
	// with the values of DefaultDatastore.
	Datastore bool `json:"datastore,omitempty"`
}

// The folders that phases write.
const (
	ExpertFolder  = "contextsft" // the frozen adapter θ_D
	AdapterFolder = "adapter"    // the adapter of the run
)

// Phases returns the phases of a run that trains with a preset, in order. o are the options in
// force: those of the preset, or those that override them. If they weigh tokens by a frozen adapter
// θ_D, as the paper's preset "nextquill" does, there are two phases: ContextSFT trains θ_D with the
// history in the prompt, then the preset trains the adapter with it. Otherwise there is one. The
// preset "quill" trains as ContextSFT does, and also writes a datastore.
func Phases(preset string, o causal.Options) []Phase {
	last := Phase{Preset: preset, Out: AdapterFolder, From: true, Datastore: preset == "quill"}
	if o.Expert != causal.WantsExpert {
		return []Phase{last}
	}
	last.Expert = ExpertFolder
	return []Phase{{Preset: "contextsft", Out: ExpertFolder}, last}
}
