package api

// Datastore sets how the datastore of a writer's tokens is used: the model predicts a token v with
// the probability (1 − Share)·p(v) + Share·p_d(v), where p_d is given by the hidden states of the
// writer's own texts that are closest to the present one (kNN-LM, Khandelwal et al. 2020). When a
// text is scored, its own tokens so far take part; when one is written they do not, because drafts
// would repeat themselves.
type Datastore struct {
	// Share is λ. It is below 1, because a datastore gives no probability to other tokens.
	Share float64 `json:"share" range:"0 0.9"`
	// Fit replaces λ by the share at which the held-out items of Source are the most likely, if
	// there are two or more. If "evaluate" scores exactly these items, it scores each with a share
	// that is fitted without it, so that the loss is not too low. Any other set of items, a subset
	// included, is scored with λ.
	Fit bool `json:"fit,omitempty"`
	// Sharpness is β of the weights e^(β·(cos − 1)). Near 0 all entries have the same weight; with
	// large values only the closest ones count. Above 40 the weights may not be normal f32.
	Sharpness float64 `json:"sharpness" range:"0.001 40"`
	// Boost is g: when a text is scored, its own tokens before the present one are entries with the
	// weights e^(β·(cos − 1) + g). At -50 they have practically none.
	Boost float64 `json:"boost" range:"-50 10"`
}

// DefaultDatastore is the datastore of the preset "quill".
func DefaultDatastore() Datastore {
	return Datastore{Share: .1, Fit: true, Sharpness: 20, Boost: 1}
}

// DatastoreNone as Inference.Datastore uses no datastore.
const DatastoreNone = "none"

// RememberParams are the parameters of "remember": write the datastore of the training items of
// Source, with the hidden states of the model and its adapter, to the blob Out. Training does the
// same for an adapter, see PersonalizeParams.Datastore.
type RememberParams struct {
	Inference
	// NoHistory uses the prompts without history.
	NoHistory bool `json:"no_history,omitempty"`
	// Set is how the datastore is used; nil means DefaultDatastore.
	Set *Datastore `json:"set,omitempty"`
	Out string     `json:"out"`
}

// RememberResult counts the entries of a datastore.
type RememberResult struct {
	Entries int `json:"entries"` // tokens with their hidden states
	// Left is the number of tokens of the oldest texts that are left out, because a datastore is
	// limited.
	Left int `json:"left"`
	// Share is λ. Fitted is the number of held-out texts that it was fitted to; 0 if it was not.
	Share  float64 `json:"share"`
	Fitted int     `json:"fitted"`
}
