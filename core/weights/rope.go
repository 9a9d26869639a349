package weights

import (
	"math"

	"nextquill/core/fault"
)

// RopeScaling stretches rotary positions for longer texts. The zero value stretches nothing.
type RopeScaling struct {
	Factor            float64 // factor: by how much waves are slowed down, all of them or the slow ones; 0: no scaling
	LowFreqFactor     float64 // low_freq_factor: waves longer than OriginalPositions/LowFreqFactor are slowed down; 0: all are
	HighFreqFactor    float64 // high_freq_factor: waves shorter than OriginalPositions/HighFreqFactor stay
	OriginalPositions int     // original_max_position_embeddings: the positions before scaling
}

// RopeFrequencies gives the HeadDim/2 angles, in radians, by which one position turns the pairs of a head:
// RopeTheta^(−2i/HeadDim), scaled. In float64, because the angles of far positions lose digits in float32.
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

// scale follows transformers' _compute_linear_scaling_rope_parameters and _compute_llama3_parameters. In the latter a
// frequency between the two bounds is mixed, in proportion to the turns that it makes within the original positions.
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

// checkRope reads rope_theta and rope_scaling, or the rope_parameters that transformers 5 writes in their place.
func (f *fields) checkRope(c *Config) {
	const theta = 10000.0
	c.RopeTheta = f.float("rope_theta", theta, 0, 1e12)
	f.wholeHeads()
	for _, key := range []string{"rope_parameters", "rope_scaling"} { // transformers, too, prefers the second
		if params, ok := f.object(key); ok && !f.off(key) {
			params.onlyNull("full_attention") // parameters for each kind of layer
			params.onlyNull("sliding_attention")
			c.RopeTheta = params.float("rope_theta", c.RopeTheta, 0, 1e12)
			params.wholeHeads()
			c.RopeScaling = params.ropeScaling(c.MaxPositions)
			f.adopt(params)
		}
	}
	if f.err == nil && !(c.RopeTheta >= 1) {
		f.fail(fault.OutOfRange, "rope_theta", "is %v", c.RopeTheta).WithLimit("at least 1")
	}
}

func (f *fields) wholeHeads() {
	if r := f.float("partial_rotary_factor", 1, 0, 1); r != 1 && f.err == nil {
		f.fail(fault.Unsupported, "partial_rotary_factor", "is %v", r).WithRemedy("use a model that rotates whole heads")
	}
}

// ropeScaling reads the members of rope_scaling; "type" is how older files spell "rope_type".
func (f *fields) ropeScaling(positions int) (s RopeScaling) {
	key := "rope_type"
	if f.absent(key) && !f.absent("type") {
		key = "type"
	}
	switch kind := f.string(key, "default"); {
	case f.err != nil || kind == "default":
	case kind == "dynamic":
		// It stretches nothing until a text is longer than max_position_embeddings, and none may be here.
	case kind == "linear":
		s.Factor = f.ropeFactor(kind, "factor", 1)
	case kind == "llama3":
		s.Factor = f.ropeFactor(kind, "factor", 1)
		s.LowFreqFactor = f.ropeFactor(kind, "low_freq_factor", 1e-3)
		s.HighFreqFactor = f.ropeFactor(kind, "high_freq_factor", 1e-3)
		s.OriginalPositions = f.int("original_max_position_embeddings", positions, 1, maxPositions)
		if f.err == nil && s.HighFreqFactor <= s.LowFreqFactor {
			f.fail(fault.Mismatch, "high_freq_factor", "%v is not above low_freq_factor %v", s.HighFreqFactor, s.LowFreqFactor).
				WithRemedy("fetch config.json again")
		}
	default:
		f.fail(fault.Unsupported, key, "is %s", fault.Quote(kind)).WithRemedy(`use a model where it is "default", "linear", "dynamic" or "llama3"`)
	}
	if f.err != nil {
		return RopeScaling{}
	}
	return s
}

// ropeFactor reads a number that this kind of scaling cannot do without.
func (f *fields) ropeFactor(kind, key string, lo float64) float64 {
	if f.err == nil && f.null(key) {
		f.fail(fault.Missing, key, "is not there, and scaling by %s needs it", kind).WithRemedy("fetch config.json again")
	}
	return f.float(key, 1, lo, 1e6)
}
