package causal

// ShadeLevels returns the lower bounds of |DCE|, in probability, of the four shades in which
// reports and pages show a token. The second is δ of the presets: a token of the second shade or
// darker has the large weight λ in training.
func ShadeLevels() [4]float64 { return [...]float64{.01, .05, .15, .4} }
