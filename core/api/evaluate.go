package api

// EvaluateParams are the parameters of "evaluate": the loss on the held-out items.
type EvaluateParams struct {
	Inference
	// NoHistory uses the prompts without history.
	NoHistory bool `json:"no_history,omitempty"`
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
}
