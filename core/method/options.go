package method

import (
	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/history"
)

// Engine is what methods run on.
type Engine struct {
	api.Client            // of the core
	Blobs      blob.Store // the store of that core
	Dir        string     // folder in Blobs for the files of this run; Run overwrites what is there
}

// Options are the settings of a run. They apply to every method alike.
type Options struct {
	api.Loading
	Model     string        // folder of the model in Engine.Blobs
	Template  string        // one of api's Template constants, or "" for the model's own
	Retrieval api.Retrieval // a method's own Kind takes precedence
	LoRA      api.LoRA
	Training  api.Training
	Sampling  api.Sampling // of drafts; Steer is the method's
	Drafts    int          // number of test texts to write a draft for, from the first on
	// Consensus is the number of texts to write for each draft; the draft is the one with the
	// highest mean ROUGE-L against the others. 0 and 1 write one. More need a temperature.
	Consensus int
	Delta     float64 // δ of preference tokens; 0 means .05

	Regime Regime // "" means Personal
	// Shared is the folder of the adapter that Share wrote, for the regimes Pooled and
	// PooledPersonal, and for methods with a task adapter.
	Shared string
	// Others are the users that Run calls Share with if it needs Shared and it is "".
	Others []User
	// Trained is an adapter that Run uses instead of training one; nil trains.
	Trained *Trained
	// Foreign replaces the history of the test prompts by another user's texts, and the datastore
	// by one of these texts, as a control: the gain from history must vanish. nil uses the user's
	// own.
	Foreign []history.Item
	// Preference marks the preference tokens of the user's texts, see Preferences; nil computes it.
	Preference *Preference
	// Seconds is the time in seconds from any fixed origin; nil means the machine's clock.
	Seconds func() float64
}

// Trained is an adapter that was trained on the same texts, with the same options and regime, by a
// method that TrainsLike the method that uses it.
type Trained struct {
	Adapter, Model string // as in Cell
	Cost           Cost   // of the cell that trained it; its training counts for both
}

// Progress says what a run is doing.
type Progress struct {
	Stage string `json:"stage"` // "train", "score", "write", …
	Done  int    `json:"done"`
	Total int    `json:"total"` // 0 if unknown
}
