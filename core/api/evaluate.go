package api

// EvaluateParams are the parameters of "evaluate": the loss on the held-out items.
type EvaluateParams struct {
	Inference
	// NoHistory uses the prompts without history.
	NoHistory bool `json:"no_history,omitempty"`
	// Points are mixtures of the logits to score in the same pass, at most MaxPoints.
	Points []Point `json:"points,omitempty"`
}

// MaxPoints bounds EvaluateParams.Points.
const MaxPoints = 64

// Point selects the logits (z^0 + Steer·(z^h − z^0)) / Temperature, where z^h are those with
// history and z^0 those without. Steer 1 is the model as it is; only there a datastore is mixed in,
// after the temperature.
type Point struct {
	Steer       float64 `json:"steer" range:"-10 10"`
	Temperature float64 `json:"temperature" range:"0.01 100"`
}

// EvaluateResult is the loss on the held-out items.
type EvaluateResult struct {
	Loss   float64    `json:"loss"`   // nats per response token
	Tokens int        `json:"tokens"` // response tokens
	Texts  TextCounts `json:"texts"`
	Items  []ItemLoss `json:"items"`
}

// ItemLoss is the negative log-likelihood of one item's response.
type ItemLoss struct {
	Item   int     `json:"item"` // index in the held-out items
	Nats   float64 `json:"nats"` // sum over its tokens
	Tokens int     `json:"tokens"`
	// Points are the scores at EvaluateParams.Points, in their order.
	Points []PointScore `json:"points,omitempty"`
}

// PointScore has the scores of one item's response at a Point.
type PointScore struct {
	// Logp is the log-probability of each token in nats, rounded to 1e-6.
	Logp []float64 `json:"logp"`
	// Correct is the number of tokens that are the most likely ones, without a datastore.
	Correct int `json:"correct"`
}
