package api

// ExplainParams are the parameters of "explain": the data-side causal effect of the history on each
// token of a text.
type ExplainParams struct {
	Inference
	Context []Field `json:"context,omitempty"`
	Text    string  `json:"text,omitempty"`
	// Item is the index of a held-out item to explain instead of Context and Text; -1, which is
	// also the default, explains Text.
	Item int `json:"item" range:"-1 2147483647"`
	// Influence also computes the effect of each retrieved item on each token, by leaving it out.
	Influence bool `json:"influence,omitempty"`
}

// ExplainResult has one entry per response token.
type ExplainResult struct {
	Context []Field      `json:"context"`
	Text    string       `json:"text"`
	Tokens  []TokenCause `json:"tokens"`
	// Items are the texts of the retrieved items, oldest first.
	Items []string `json:"items"`
}

// TokenCause is the data-side causal effect of one token, DCE = p(with history) − p(without).
type TokenCause struct {
	Text        string  `json:"text"`
	ID          int32   `json:"id"`
	LogpWith    float64 `json:"logp_with"`
	LogpWithout float64 `json:"logp_without"`
	DCE         float64 `json:"dce"`
	// Influence[i] is the token's log-probability with all retrieved items, minus that without
	// item i.
	Influence []float64 `json:"influence,omitempty"`
}
