package datastore

import "math"

// Mix is the log-probability of a token with a datastore, ln((1 − share)·e^logp + share·recalled):
// logp is that of the model, recalled the probability that the datastore gives. share is below 1.
func Mix(share float64, logp float32, recalled float64) float32 {
	a, b := math.Log1p(-share)+float64(logp), math.Log(share*recalled)
	// e^a is 0 for a token that is very unlikely: add the logarithms.
	return float32(max(a, b) + math.Log1p(math.Exp(-math.Abs(a-b))))
}

// Ratio is the probability that the datastore gives a token, over that of the model. It is bounded,
// so that sums of ratios are finite.
func Ratio(logp float32, recalled float64) float64 {
	return math.Exp(min(math.Log(recalled)-float64(logp), 600))
}

// Fit returns the share λ, 0 to MaxShare, at which the tokens with these ratios are the most
// likely. It needs no first guess: the log-likelihood Σ ln(1 − λ + λ·ratio) is concave in λ.
func Fit(ratios []float64) float64 {
	if slope(ratios, 0) <= 0 {
		return 0
	}
	if slope(ratios, MaxShare) >= 0 {
		return MaxShare
	}
	low, high := 0., MaxShare
	for high-low > precision {
		if mid := (low + high) / 2; slope(ratios, mid) > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// precision is that of Fit.
const precision = 1e-4

// slope is the derivative of the log-likelihood by the share.
func slope(ratios []float64, share float64) float64 {
	sum := 0.
	for _, r := range ratios {
		sum += (r - 1) / (1 - share + share*r)
	}
	return sum
}

// folds is the number of groups of CrossFit.
const folds = 10

// CrossFit returns a share for each text, fitted to other texts, so that no text is scored with a
// share that was fitted to it. The texts, as the ratios of their tokens, are divided into at most
// ten groups: the share of a text is fitted to the other groups. At least two texts are needed.
func CrossFit(texts [][]float64) []float64 {
	out := make([]float64, len(texts))
	for fold := range min(folds, len(texts)) {
		var others []float64
		for i, t := range texts {
			if i%folds != fold {
				others = append(others, t...)
			}
		}
		share := Fit(others)
		for i := fold; i < len(texts); i += folds {
			out[i] = share
		}
	}
	return out
}
