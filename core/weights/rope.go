package weights

import (
	"math"

	"nextquill/core/fault"
)

// RopeScaling scales rotary frequencies for longer texts. The zero value means no scaling.
type RopeScaling struct {
	Factor            float64 // factor: divisor of the scaled frequencies; 0: no scaling
	LowFreqFactor     float64 // low_freq_factor: longer wavelengths than OriginalPositions/LowFreqFactor are scaled
	HighFreqFactor    float64 // high_freq_factor: wavelengths below OriginalPositions/HighFreqFactor are not scaled
	OriginalPositions int     // original_max_position_embeddings: the context length before scaling
}

// RopeFrequencies returns the HeadDim/2 rotation angles per position, in radians:
// RopeTheta^(−2i/HeadDim), scaled. They are float64 because float32 is too coarse for the angles of
// late positions.
func (c Config) RopeFrequencies() []float64 {
	freqs := make([]float64, c.HeadDim/2)
	for i := range freqs {
		freqs[i] = c.RopeScaling.scale(math.Pow(c.RopeTheta, -2*float64(i)/float64(c.HeadDim)))
		if c.RopeDivisors != nil {
			freqs[i] /= float64(c.RopeDivisors[i])
		}
	}
	return freqs
}

// scale follows _compute_linear_scaling_rope_parameters and _compute_llama3_parameters of
// transformers. The latter interpolates frequencies between the two bounds, in proportion to their
// number of rotations within the original positions.
func (s RopeScaling) scale(freq float64) float64 {
	if s.Factor == 0 {
		return freq
	}
	if s.LowFreqFactor == 0 {
		return freq / s.Factor
	}
	turns := float64(s.OriginalPositions) * freq / (2 * math.Pi)
	keep := (turns - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	keep = min(max(keep, 0), 1)
	return keep*freq + (1-keep)*freq/s.Factor
}

// checkRope reads rope_theta and rope_scaling, or rope_parameters, which replaces both in
// transformers 5.
func (f *fields) checkRope(c *Config) {
	const theta = 10000.0
	c.RopeTheta = f.float("rope_theta", theta, 0, 1e12)
	f.requireFullRotary()
	for _, key := range []string{"rope_parameters", "rope_scaling"} { // the second wins, as in transformers
		if params, ok := f.object(key); ok && !f.isOff(key) {
			params.requireNull("full_attention") // separate parameters per layer type
			params.requireNull("sliding_attention")
			c.RopeTheta = params.float("rope_theta", c.RopeTheta, 0, 1e12)
			params.requireFullRotary()
			c.RopeScaling = params.ropeScaling(c.MaxPositions)
			f.inheritError(params)
		}
	}
	if f.err == nil && !(c.RopeTheta >= 1) {
		f.fail(fault.OutOfRange, "rope_theta", "is %v", c.RopeTheta).WithLimit("at least 1")
	}
}

func (f *fields) requireFullRotary() {
	if r := f.float("partial_rotary_factor", 1, 0, 1); r != 1 && f.err == nil {
		f.fail(fault.Unsupported, "partial_rotary_factor", "is %v", r).
			WithRemedy("use a model with full rotary embeddings")
	}
}

// ropeScaling reads the members of rope_scaling. Older files write "type" for "rope_type".
func (f *fields) ropeScaling(positions int) (s RopeScaling) {
	key := "rope_type"
	if f.absent(key) && !f.absent("type") {
		key = "type"
	}
	switch kind := f.string(key, "default"); {
	case f.err != nil || kind == "default":
	case kind == "dynamic":
		// Dynamic scaling starts above max_position_embeddings, and longer texts are rejected.
	case kind == "linear":
		s.Factor = f.ropeFactor(kind, "factor", 1)
	case kind == "llama3":
		s.Factor = f.ropeFactor(kind, "factor", 1)
		s.LowFreqFactor = f.ropeFactor(kind, "low_freq_factor", 1e-3)
		s.HighFreqFactor = f.ropeFactor(kind, "high_freq_factor", 1e-3)
		s.OriginalPositions = f.int("original_max_position_embeddings", positions, 1, maxPositions)
		if f.err == nil && s.HighFreqFactor <= s.LowFreqFactor {
			f.fail(fault.Mismatch, "high_freq_factor", "%v is not above low_freq_factor %v", s.HighFreqFactor,
				s.LowFreqFactor).
				WithRemedy("download config.json again")
		}
	default:
		f.fail(fault.Unsupported, key, "is %s", fault.Quote(kind)).
			WithRemedy(`use a model where it is "default", "linear", "dynamic" or "llama3"`)
	}
	if f.err != nil {
		return RopeScaling{}
	}
	return s
}

// ropeFactor reads a number that this type of scaling requires.
func (f *fields) ropeFactor(kind, key string, lo float64) float64 {
	if f.err == nil && f.null(key) {
		f.fail(fault.Missing, key, "is missing, but %s scaling requires it", kind).
			WithRemedy("download config.json again")
	}
	return f.float(key, 1, lo, 1e6)
}
