package train

import "math"

// Schedule is the learning rate over a run: linear warm-up to LR, then a decay
// to zero at the last step.
type Schedule struct {
	LR     float64
	Warmup int // steps
	Total  int // steps
	Decay  string
}

// Decays are the kinds of decay, the default first.
var Decays = []string{"cosine", "linear", "constant"}

// At is the learning rate of step s, counted from 0: LR·(s+1)/Warmup while s is
// below Warmup; behind it, with x = (s−Warmup)/(Total−Warmup), LR·½(1+cos πx)
// for cosine and LR·(1−x) for linear decay.
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
