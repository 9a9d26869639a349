package method

import "nextquill/core/metric"

// Cell is the result of one method on one user.
type Cell struct {
	Method string `json:"method"`
	User   string `json:"user"`
	Regime Regime `json:"regime"`
	// Texts are the test texts, Validation the validation texts, in the user's order. Texts whose
	// request does not fit the prompt are left out and counted in Skipped.
	Texts      []TextScore `json:"texts"`
	Validation []TextScore `json:"validation"`
	Skipped    int         `json:"skipped,omitempty"`
	// Steering is the strength s of z^0 + s·(z^h − z^0) with the lowest validation loss; 1 without
	// steering. All losses of Texts and Validation are at that strength.
	Steering float64 `json:"steering"`
	// Share is that of the datastore which predicts the test texts, fitted to the validation texts;
	// 0 without a datastore.
	Share float64 `json:"share,omitempty"`
	// Temperature has the lowest validation loss at that steering.
	Temperature float64 `json:"temperature"`
	// Temperatures are those of TextScore.Curve.
	Temperatures []float64 `json:"temperatures"`
	Drafts       []Draft   `json:"drafts,omitempty"`
	Cost         Cost      `json:"cost"`
	// Adapter is the folder of the user's adapter in Engine.Blobs, Model that of the model below
	// it; Adapter is "" if the method trains none.
	Adapter string `json:"adapter,omitempty"`
	Model   string `json:"model,omitempty"`
}

// TextScore has the losses of one text. Sums are over its response tokens, in nats.
type TextScore struct {
	ID     string `json:"id"`    // of the item
	Index  int    `json:"index"` // in User.Test or User.Validation
	Tokens int    `json:"tokens"`
	Point         // at temperature 1
	Fitted Point  `json:"fitted"` // at Cell.Temperature
	// Curve has one point for each of Cell.Temperatures.
	Curve []Point `json:"curve,omitempty"`
	// Preference is the number of preference tokens: those whose DCE under the base model with
	// history exceeds δ. They are the same for every method.
	Preference int `json:"preference"`
	// Erased is the loss with the history erased, z^0; 0 for methods without history.
	Erased float64 `json:"erased"`
}

// Point has sums over the response tokens of a text at one temperature.
type Point struct {
	Loss        float64 `json:"loss"`        // Σ −log p
	Preferred   float64 `json:"preferred"`   // the same over preference tokens
	Probability float64 `json:"probability"` // Σ p
	// Correct is the number of tokens that are the most likely ones. A datastore is not counted in:
	// it is the number under the model alone.
	Correct int `json:"correct"`
}

// Draft is a text that the method wrote for the request of a test text.
type Draft struct {
	Index  int    `json:"index"` // in User.Test
	Prompt string `json:"prompt"`
	Text   string `json:"text"`
	Tokens int    `json:"tokens"`
	Ended  bool   `json:"ended"` // by an end token; otherwise cut at the limit
	// Match compares it with the user's own text, see metric.HiddenMatch.
	Match *metric.Match `json:"hidden_match"`
}

// Cost is what a cell cost.
type Cost struct {
	Seconds      float64 `json:"seconds"`       // in total, without Share
	TrainSeconds float64 `json:"train_seconds"` // of training
	Steps        int     `json:"steps"`
	Trained      int64   `json:"trained_tokens"` // packed tokens of training
	Written      int     `json:"written_tokens"`
	PeakBytes    int64   `json:"peak_bytes"` // on the device, of training
}
