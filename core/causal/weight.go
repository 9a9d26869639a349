package causal

import (
	"math"
	"slices"
)

// DCE is the data-side causal effect of the history on a token: the difference of its probabilities
// with and without history under θ_D, given their logarithms.
func DCE(logpWith, logpWithout float64) float64 {
	return math.Exp(logpWith) - math.Exp(logpWithout)
}

// Omega is the weight ω of a token, given its log-probabilities with and without history under θ_D.
// With Quantile, Delta must have been set by QuantileDelta. shaders/token_weights.wgsl computes the
// same on the device.
func (o Options) Omega(logpWith, logpWithout float64) float64 {
	switch {
	case o.Weights == Soft:
		return max(o.Epsilon, min(o.Lambda, logpWith-logpWithout))
	case DCE(logpWith, logpWithout) > o.Delta:
		return o.Lambda
	}
	return o.Epsilon
}

// QuantileDelta returns the δ that leaves the given share of tokens above it. records holds, per
// sample, log-probabilities under θ_D, [responses, 2]: with history and without.
func QuantileDelta(records [][]float32, share float64) float64 {
	var effects []float64
	for _, r := range records {
		for i := 0; i+1 < len(r); i += 2 {
			effects = append(effects, DCE(float64(r[i]), float64(r[i+1])))
		}
	}
	if len(effects) == 0 {
		return 0
	}
	slices.Sort(effects)
	return effects[min(len(effects)-1, int((1-share)*float64(len(effects))))]
}
