// Package metric holds the statistics of an evaluation: means over tokens, and bootstrap confidence
// intervals over items.
package metric

import (
	"math"
	"math/rand/v2"
	"slices"

	"nextquill/core/fault"
)

// Item is the contribution of one text to a mean. For a held-out loss, Sum is in nats over N
// response tokens.
type Item struct {
	Sum float64
	N   int
}

// Interval is an estimate with a two-sided confidence interval, in the units of the mean.
type Interval struct {
	Point float64 `json:"point"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Excludes reports whether v is outside the interval.
func (i Interval) Excludes(v float64) bool { return v < i.Low || v > i.High }

// Bootstrap computes confidence intervals by resampling. The zero value uses 10,000 resamples and a
// level of 95 %.
type Bootstrap struct {
	Resamples int     // 0 means 10,000
	Level     float64 // 0 means 0.95
	Seed      uint64
}

func (b Bootstrap) withDefaults() Bootstrap {
	if b.Resamples <= 0 {
		b.Resamples = 10_000
	}
	if b.Level <= 0 || b.Level >= 1 {
		b.Level = .95
	}
	return b
}

// PerToken is ΣSum/ΣN, the mean over all tokens: long texts count more. It is 0 without tokens.
func PerToken(items []Item) float64 {
	var sum float64
	var n int
	for _, it := range items {
		sum += it.Sum
		n += it.N
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Mean returns PerToken with its percentile bootstrap interval (Efron 1979). It resamples items,
// not tokens: the tokens of one text depend on each other, and resampling them would give intervals
// that are too narrow. The same items and Seed give the same interval on every machine. The error
// is of kind fault.Missing when there are no tokens.
func (b Bootstrap) Mean(items []Item) (Interval, error) {
	return b.interval(items)
}

// Difference returns PerToken(x) − PerToken(y) with the interval of the paired bootstrap: each
// resample draws the same items from both, so the difficulty of a text cancels out. Item i of x and
// of y must be the same text with the same number of tokens; otherwise the error is of kind
// fault.Mismatch.
func (b Bootstrap) Difference(x, y []Item) (Interval, error) {
	if len(x) != len(y) {
		const detail = "%d in one evaluation, %d in the other"
		return Interval{}, fault.New(fault.Mismatch, "paired bootstrap", "items", detail, len(x), len(y)).
			WithRemedy("evaluate both on the same held-out items")
	}
	diff := make([]Item, len(x))
	for i := range x {
		if x[i].N != y[i].N {
			const detail = "item %d has %d in one evaluation, %d in the other"
			return Interval{}, fault.New(fault.Mismatch, "paired bootstrap", "tokens", detail, i, x[i].N, y[i].N).
				WithRemedy("evaluate both with the same tokenizer and length limits")
		}
		// With equal token counts the difference of two ratios is one ratio.
		diff[i] = Item{Sum: x[i].Sum - y[i].Sum, N: x[i].N}
	}
	return b.interval(diff)
}

func (b Bootstrap) interval(items []Item) (Interval, error) {
	b = b.withDefaults()
	tokens := 0
	for _, it := range items {
		tokens += it.N
	}
	if tokens == 0 {
		return Interval{}, fault.New(fault.Missing, "bootstrap", "items", "no tokens to average").
			WithRemedy("evaluate on at least one item with a text")
	}
	chosen := make([]Item, len(items))
	return b.Statistic(len(items), func(draw []int) float64 {
		for i, j := range draw {
			chosen[i] = items[j]
		}
		return PerToken(chosen)
	}), nil
}

// Statistic returns the percentile interval of any statistic of n independent units, such as a
// corpus score or a difference of two. value computes it from a sample: indices from 0 to n−1,
// drawn with replacement, or each once for the estimate itself. It must not keep the slice. A
// sample without a finite value, such as a ratio with an empty denominator, is left out;
// without any, or with n = 0, the interval is NaN.
func (b Bootstrap) Statistic(n int, value func(draw []int) float64) Interval {
	b = b.withDefaults()
	nan := math.NaN()
	if n == 0 {
		return Interval{nan, nan, nan}
	}
	draw := make([]int, n)
	for i := range draw {
		draw[i] = i
	}
	point := value(draw)
	rng := rand.New(rand.NewPCG(b.Seed, 0x9e3779b97f4a7c15))
	values := make([]float64, 0, b.Resamples)
	for range b.Resamples {
		for i := range draw {
			draw[i] = rng.IntN(n)
		}
		if v := value(draw); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return Interval{point, nan, nan}
	}
	slices.Sort(values)
	tail := (1 - b.Level) / 2
	return Interval{Point: point, Low: quantile(values, tail), High: quantile(values, 1-tail)}
}

// quantile interpolates between order statistics: type 7 of Hyndman & Fan 1996, NumPy's default.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
