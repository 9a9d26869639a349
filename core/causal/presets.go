package causal

import (
	"maps"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// presets are the objectives of the paper's tables. The paper's method ("nextquill") and its
// released code ("nextquill-code") differ in the divisors, in θ_D and in the weights of L_p.
var presets = map[string]Options{
	"sft": {
		NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self, NoHistory: true,
	},
	"contextsft": {
		NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self,
	},
	"mce": {
		Alpha: .1, NormalizeNTP: ByTokens, NormalizeAlign: ByTokens,
		Expert: Self, CounterfactualGrad: true,
	},
	"mce-dce": {
		Alpha: .1, AlignWeighted: true, NormalizeNTP: ByTokens, NormalizeAlign: ByTokens,
		Expert: Self, CounterfactualGrad: true,
	},
	"dce": {
		NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens, Expert: Self,
	},
	"nextquill": {
		Alpha: .1, NTPWeighted: true, AlignWeighted: true, NormalizeNTP: BySamples, NormalizeAlign: BySamples,
		Expert: WantsExpert, CounterfactualGrad: true,
	},
	"nextquill-code": {
		Alpha: .1, NTPWeighted: true, NormalizeNTP: ByWeights, NormalizeAlign: ByTokens,
		Expert: Self, CounterfactualGrad: true,
	},
	// Not in the paper. It trains as contextsft does, and predicts with a datastore of the writer's
	// tokens besides (package api).
	"quill": {
		NormalizeNTP: ByTokens, NormalizeAlign: ByTokens, Expert: Self,
	},
}

// Presets lists the names of the presets in alphabetical order.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// Preset returns the options of a preset. All have δ = 0.05, λ = 0.9 and ε = 0.1.
func Preset(name string) (Options, error) {
	o, ok := presets[name]
	if !ok {
		return o, fault.New(fault.Unsupported, "preset", name, "unknown preset").
			WithRemedy("use one of %s", strings.Join(Presets(), ", "))
	}
	o.Delta, o.Lambda, o.Epsilon, o.Weights = .05, .9, .1, Binary
	return o, nil
}
