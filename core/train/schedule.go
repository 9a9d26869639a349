package train

import "math"

// Schedule is the learning rate over a run: linear warm-up to LR, then decay. Cosine and linear
// decay would reach zero at step Total, one after the last. With constant, the rate stays LR.
type Schedule struct {
	LR     float64 // peak
	Warmup int     // steps
	Total  int     // steps
	Decay  string  // one of Decays()
}

// Decays lists the kinds of decay; the first is the default.
func Decays() []string { return []string{"cosine", "linear", "constant"} }

// At is the learning rate of step s, counted from 0. During warm-up it is LR·(s+1)/Warmup. After
// that, with x = (s−Warmup)/(Total−Warmup), it is LR·½(1+cos πx) for cosine decay, LR·(1−x) for
// linear decay, and LR for constant.
func (c Schedule) At(s int) float64 {
	if s < c.Warmup {
		return c.LR * float64(s+1) / float64(c.Warmup)
	}
	x := float64(s-c.Warmup) / float64(max(1, c.Total-c.Warmup))
	switch c.Decay {
	case "constant":
		return c.LR
	case "linear":
		return c.LR * (1 - x)
	}
	return c.LR * 0.5 * (1 + math.Cos(math.Pi*x))
}
