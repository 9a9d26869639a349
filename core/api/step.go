package api

// StepParams are the parameters of "step": one forward and backward pass over a batch, without an
// update. The result is written to Out+"/result.json", the gradients to Out+"/grads.safetensors".
type StepParams struct {
	Loading
	Model   string `json:"model"`
	Batch   string `json:"batch"`   // blob: {"samples":[{"with","without","response"}]}
	Options string `json:"options"` // blob, see causal.ParseOptions
	Adapter string `json:"adapter,omitempty"`
	Full    bool   `json:"full,omitempty"`
	Out     string `json:"out"`
	// TokenBudget and Recompute are as in Training.
	TokenBudget *int  `json:"token_budget,omitempty" range:"1 1048576"`
	Recompute   *bool `json:"recompute,omitempty"`
}

// StepResult is the result of "step".
type StepResult struct {
	Loss      float64     `json:"loss"`
	NTPLoss   float64     `json:"ntp_loss"`
	AlignLoss float64     `json:"align_loss"`
	Tokens    []StepToken `json:"tokens"`
}

// StepToken is one response token. Sample and T count from 0, in the batch as it was given. (A
// sample that is longer than the model's context length is computed in several windows, see
// TextCounts, and normalization by samples counts each of them.) The log-probabilities and CEMCE
// are those of the trained model, DCE is that of θ_D.
type StepToken struct {
	Sample      int     `json:"sample"`
	T           int     `json:"t"`
	ID          int32   `json:"id"`
	LogpWith    float64 `json:"logp_with"`
	LogpWithout float64 `json:"logp_without"`
	DCE         float64 `json:"dce"`
	Omega       float64 `json:"omega"`
	CEMCE       float64 `json:"ce_mce"`
}
