// Package causal is the NextQuill objective: which part of a text is predicted
// because of the writer's history, and a loss that learns that part.
//
// For a sample with prompt P_h (with history), prompt P_0 (history erased) and
// response y_1..y_T, let z^h_t and z^0_t be the logits that predict y_t:
//
//	DCE_t = softmax(z^h_t)[y_t] − softmax(z^0_t)[y_t]   under θ_D
//	ω_t   = λ if DCE_t > δ else ε                        (no gradient)
//	L_n   = (1/Z_n) Σ ω_t · CE(z^h_t, y_t)
//	L_p   = (1/Z_p) Σ ω_t · CE(z^h_t − z^0_t, y_t)       (MCE alignment)
//	L     = L_n + α · L_p
//
// The kernels compute it on the device; this package holds the options, the
// presets, and the packing of both branches into one token stream.
package causal

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// Norm is the divisor Z of a loss term.
type Norm string

const (
	// ByWeights divides by the sum of the weights used.
	ByWeights Norm = "weights"
	// ByTokens divides by the number of response tokens.
	ByTokens Norm = "tokens"
	// BySamples divides by the number of samples.
	BySamples Norm = "samples"
)

// Weighting turns a token's effect into its weight ω.
type Weighting string

const (
	// Binary is the paper's threshold: λ above δ, else ε.
	Binary Weighting = "binary"
	// Soft is the clipped log-ratio clamp(log p_h − log p_0, ε, λ).
	Soft Weighting = "soft"
	// Quantile is Binary with δ set so that the share Quantile of the training
	// tokens lies above it.
	Quantile Weighting = "quantile"
)

// Self as Options.Expert makes θ_D the live weights, detached.
const Self = "self"

// Options are the switches of the objective.
type Options struct {
	Delta   float64 `json:"delta"`   // δ, in probability
	Lambda  float64 `json:"lambda"`  // λ
	Epsilon float64 `json:"epsilon"` // ε
	Alpha   float64 `json:"alpha"`   // α, weight of L_p
	// NTPWeighted and AlignWeighted put ω on L_n and L_p; else the weight is 1.
	NTPWeighted   bool `json:"ntp_weighted"`
	AlignWeighted bool `json:"align_weighted"`
	NormalizeNTP  Norm `json:"normalize_ntp"`
	// NormalizeAlign is Z_p.
	NormalizeAlign Norm `json:"normalize_align"`
	// Expert is θ_D: Self, or the folder of a frozen adapter.
	Expert string `json:"expert"`
	// CounterfactualGrad lets gradients through z^0.
	CounterfactualGrad bool `json:"counterfactual_grad"`
	// Weights is Binary when empty.
	Weights Weighting `json:"weights,omitempty"`
	// QuantileShare is the share of tokens above δ under Quantile.
	QuantileShare float64 `json:"quantile_share,omitempty"`
	// Plausibility drops tokens from L_p whose p_h is below this share of the
	// most likely token's (contrastive decoding's mask); 0 is off.
	Plausibility float64 `json:"plausibility,omitempty"`
	// NoHistory trains and prompts with the erased form alone (preset sft).
	NoHistory bool `json:"no_history,omitempty"`
}

// WantsExpert is the Expert of presets whose θ_D is an adapter that the caller
// has to name.
const WantsExpert = ""

// Dual tells whether the erased branch has to be computed.
func (o Options) Dual() bool {
	return !o.NoHistory && (o.Alpha != 0 || o.NTPWeighted)
}

// Frozen tells whether θ_D is an adapter, so that ω is a constant of the data.
func (o Options) Frozen() bool { return o.Expert != Self }

// Presets, by name: the paper's ablations, the paper's method and the method of
// its released code, which differ.
var presets = map[string]Options{
	"sft":            {NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self, NoHistory: true},
	"contextsft":     {NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self},
	"mce":            {Alpha: .1, NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self, CounterfactualGrad: true},
	"mce-dce":        {Alpha: .1, AlignWeighted: true, NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self, CounterfactualGrad: true},
	"dce":            {NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens, Expert: Self},
	"nextquill":      {Alpha: .1, NTPWeighted: true, AlignWeighted: true, NormalizeNTP: BySamples, NormalizeAlign: BySamples, Expert: WantsExpert, CounterfactualGrad: true},
	"nextquill-code": {Alpha: .1, NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens, Expert: Self, CounterfactualGrad: true},
}

// Presets lists the names of the presets.
func Presets() []string {
	return slices.Sorted(maps.Keys(presets))
}

// Preset returns a preset's options; δ .05, λ .9, ε .1 in all of them.
func Preset(name string) (Options, error) {
	o, ok := presets[name]
	if !ok {
		return o, fault.New(fault.Unsupported, "preset", name, "there is no such preset").
			WithRemedy("use one of %s", strings.Join(Presets(), ", "))
	}
	o.Delta, o.Lambda, o.Epsilon, o.Weights = .05, .9, .1, Binary
	return o, nil
}

// ParseOptions reads options from JSON; name is used in messages. Fields left
// out have the value of preset "nextquill-code"; unknown fields are refused.
func ParseOptions(name string, data []byte) (Options, error) {
	o, _ := Preset("nextquill-code")
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return o, fault.New(fault.Malformed, name, "", "not an options object").WithCause(err)
	}
	return o, o.Check(name)
}

// Check refuses options that mean nothing; where is used in messages.
func (o Options) Check(where string) error {
	for _, f := range []struct {
		name   string
		v      float64
		lo, hi float64
	}{
		{"delta", o.Delta, -1, 1}, {"lambda", o.Lambda, 0, 1e6}, {"epsilon", o.Epsilon, 0, 1e6},
		{"alpha", o.Alpha, 0, 1e6}, {"quantile_share", o.QuantileShare, 0, 1}, {"plausibility", o.Plausibility, 0, 1},
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
			return fault.New(fault.OutOfRange, where, "quantile_share", "%g", o.QuantileShare).WithLimit("between 0 and 1")
		}
	default:
		return fault.New(fault.Unsupported, where, "weights", "%q", o.Weights).WithRemedy("use binary, soft or quantile")
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

// QuantileDelta returns the δ that leaves the given share of tokens above it.
// records holds, per sample, log-probabilities with and without history,
// alternating.
func QuantileDelta(records [][]float32, share float64) float64 {
	var effects []float64
	for _, r := range records {
		for i := 0; i+1 < len(r); i += 2 {
			effects = append(effects, math.Exp(float64(r[i]))-math.Exp(float64(r[i+1])))
		}
	}
	if len(effects) == 0 {
		return 0
	}
	slices.Sort(effects)
	return effects[min(len(effects)-1, int((1-share)*float64(len(effects))))]
}
