package causal

// ShadeLevels returns the lower bounds of |DCE|, in probability, of the four shades in which
// reports and pages show a token. Tokens with a negative DCE have shades of another colour. The
// second bound is δ of the presets: with binary weights, a token with positive DCE above it has the
// weight λ in training. A negative DCE is never above δ, so such a token has the weight ε.
func ShadeLevels() [4]float64 { return [...]float64{.01, .05, .15, .4} }
