// Package causal defines the objective of NextQuill (ICLR 2026, OpenReview xYpVlKMFqv): which
// tokens of a text the writer's history makes more likely, and a loss that trains a model to follow
// that effect.
//
// For a sample with prompt P_h (with history), prompt P_0 (without history) and response y_1..y_T,
// let z^h_t and z^0_t be the logits that predict y_t:
//
//	DCE_t = softmax(z^h_t)[y_t] − softmax(z^0_t)[y_t]   under θ_D: the data-side causal effect
//	MCE_t = z^h_t − z^0_t                               the model-side causal effect, in logits
//	ω_t   = λ if DCE_t > δ else ε                       no gradient
//	L_n   = (1/Z_n) Σ ω_t · CE_t                        next-token prediction
//	CE_t  = (1 − β) · CE(z^h_t, y_t) + β · CE(z^0_t, y_t)
//	L_p   = (1/Z_p) Σ ω_t · CE(MCE_t, y_t)              alignment of MCE with DCE
//	L     = L_n + α · L_p
//
// The paper has β = 0. With β above 0 the model also trains on the prompt without history.
//
// The kernels compute the loss on the device. This package holds the options, the presets, the
// token weights, and the packing of both branches into one token stream. Package reference computes
// the same loss in plain Go.
package causal
