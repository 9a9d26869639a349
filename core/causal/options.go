package causal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"nextquill/core/fault"
)

// Norm selects the divisor Z of a loss term.
type Norm string

const (
	// ByWeights divides by the sum of the term's weights.
	ByWeights Norm = "weights"
	// ByTokens divides by the number of response tokens.
	ByTokens Norm = "tokens"
	// BySamples divides by the number of samples.
	BySamples Norm = "samples"
)

// Weighting selects how a token's DCE becomes its weight ω.
type Weighting string

const (
	// Binary is the paper's threshold: λ above δ, else ε.
	Binary Weighting = "binary"
	// Soft is the clipped log-ratio clamp(log p_h − log p_0, ε, λ).
	Soft Weighting = "soft"
	// Quantile is Binary with δ set so that QuantileShare of the training tokens are above it.
	Quantile Weighting = "quantile"
)

// Self as Options.Expert makes θ_D the model that is being trained, without gradient.
const Self = "self"

// WantsExpert is the Expert of presets whose θ_D is a frozen adapter that the caller must name.
const WantsExpert = ""

// Options are the parameters of the objective.
type Options struct {
	Delta   float64 `json:"delta"`   // δ, a difference of probabilities
	Lambda  float64 `json:"lambda"`  // λ, weight of tokens with DCE above δ
	Epsilon float64 `json:"epsilon"` // ε, weight of the other tokens
	Alpha   float64 `json:"alpha"`   // α, factor of L_p
	// Erased is β, the share of the branch without history in L_n: the cross-entropy of a token is
	// (1 − β)·CE(z^h, y) + β·CE(z^0, y). 0 trains the branch with history only, ½ both alike.
	Erased float64 `json:"erased,omitempty"`
	// NTPWeighted and AlignWeighted weight L_n and L_p by ω; otherwise the weight is 1.
	NTPWeighted    bool `json:"ntp_weighted"`
	AlignWeighted  bool `json:"align_weighted"`
	NormalizeNTP   Norm `json:"normalize_ntp"`   // Z_n
	NormalizeAlign Norm `json:"normalize_align"` // Z_p
	// Expert is θ_D: Self, or the folder of a frozen adapter.
	Expert string `json:"expert"`
	// CounterfactualGrad propagates the gradient of L_p through z^0.
	CounterfactualGrad bool `json:"counterfactual_grad"`
	// Weights is the kind of ω; empty means Binary.
	Weights Weighting `json:"weights,omitempty"`
	// QuantileShare is the share of tokens above δ when Weights is Quantile.
	QuantileShare float64 `json:"quantile_share,omitempty"`
	// Plausibility drops tokens from L_p whose p_h is below this share of the most likely token's
	// probability, as in contrastive decoding (Li et al. 2023); 0 disables it.
	Plausibility float64 `json:"plausibility,omitempty"`
	// NoHistory trains and prompts without history (preset sft).
	NoHistory bool `json:"no_history,omitempty"`
}

// Dual reports whether the branch without history is needed.
func (o Options) Dual() bool {
	return !o.NoHistory && (o.Alpha != 0 || o.NTPWeighted || o.Erased != 0)
}

// Frozen reports whether θ_D is a frozen adapter; then ω is a constant of the data.
func (o Options) Frozen() bool { return o.Expert != Self }

// ParseOptions reads options from JSON. Missing fields have the values of preset "nextquill-code";
// unknown fields are a fault. name is the file in error messages.
func ParseOptions(name string, data []byte) (Options, error) {
	o, _ := Preset("nextquill-code")
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return o, fault.New(fault.Malformed, name, "", "not a JSON object of options").WithCause(err)
	}
	return o, o.Check(name)
}

// Check returns a fault for the first option that is out of range. where is used in the message.
func (o Options) Check(where string) error {
	for _, f := range []struct {
		name   string
		v      float64
		lo, hi float64
	}{
		{"delta", o.Delta, -1, 1},
		{"lambda", o.Lambda, 0, 1e6},
		{"epsilon", o.Epsilon, 0, 1e6},
		{"alpha", o.Alpha, 0, 1e6},
		{"erased", o.Erased, 0, 1},
		{"quantile_share", o.QuantileShare, 0, 1},
		{"plausibility", o.Plausibility, 0, 1},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) || math.IsNaN(f.v) {
			return fault.New(fault.OutOfRange, where, f.name, "%g", f.v).WithLimit("%g to %g", f.lo, f.hi)
		}
	}
	for _, n := range []Norm{o.NormalizeNTP, o.NormalizeAlign} {
		if n != ByWeights && n != ByTokens && n != BySamples {
			return fault.New(fault.Unsupported, where, "normalize_ntp, normalize_align", "%q", n).
				WithRemedy("use weights, tokens or samples")
		}
	}
	switch o.Weights {
	case "", Binary:
	case Soft:
		if o.Epsilon > o.Lambda {
			return fault.New(fault.OutOfRange, where, "epsilon", "%g", o.Epsilon).WithLimit("lambda, %g", o.Lambda)
		}
	case Quantile:
		if o.QuantileShare <= 0 || o.QuantileShare >= 1 {
			return fault.New(fault.OutOfRange, where, "quantile_share", "%g", o.QuantileShare).
				WithLimit("between 0 and 1")
		}
	default:
		return fault.New(fault.Unsupported, where, "weights", "%q", o.Weights).
			WithRemedy("use binary, soft or quantile")
	}
	return nil
}

// String is the options as JSON.
func (o Options) String() string {
	b, err := json.Marshal(o)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(b)
}
