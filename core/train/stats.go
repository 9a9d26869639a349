package train

import "time"

// Stats is what one optimizer step did.
type Stats struct {
	Step, Steps      int     // Step counts from 1
	Epoch            float64 // epochs done, in fractions
	Loss, NTP, Align float64 // nats: L, L_n, L_p
	Causal           float64 // share of response tokens with DCE above δ
	LR, GradNorm     float64
	Applied          bool  // false when the gradient was not finite and was dropped
	Tokens           int64 // packed tokens since the start, including resumed steps
	TokensPS         float64
	Elapsed          time.Duration // of this process
	Remaining        time.Duration
}

// Result summarizes a run.
type Result struct {
	Steps   int // done, including resumed ones
	Resumed int // steps done before this process
	Tokens  int64
	Elapsed time.Duration
	Loss    float64 // of the last step
	// Heldout is the best held-out loss in nats per token, valid when HasBest. With Patience set,
	// the model is left with the parameters of that test.
	Heldout float64
	HasBest bool
	Early   bool // stopped by Patience
}
