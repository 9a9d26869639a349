package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"nextquill/core/metric"
)

// minus is U+2212, which has the width of a digit and aligns with a plus sign.
const minus = "−"

// decimals formats v with n digits and a true minus sign.
func decimals(v float64, n int) string {
	return strings.Replace(strconv.FormatFloat(v, 'f', n, 64), "-", minus, 1)
}

// signed is decimals with a plus sign for numbers that are not negative.
func signed(v float64, n int) string {
	if s := decimals(v, n); strings.HasPrefix(s, minus) {
		return s
	} else {
		return "+" + s
	}
}

// count groups the digits of n by thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent formats a probability, with one more digit if it is small.
func percent(p float64) string {
	if p >= .0995 {
		return decimals(100*p, 0) + " %"
	}
	return decimals(100*p, 1) + " %"
}

// Points formats a difference of probabilities in percentage points.
func Points(d float64) string { return signed(100*d, 1) + " points" }

// Duration formats seconds: "48 s", "3 min 20 s", "1 h 5 min".
func Duration(seconds float64) string {
	d := time.Duration(math.Round(seconds)) * time.Second
	switch {
	case seconds < 10:
		return decimals(seconds, 1) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Bytes formats a size in binary units.
func Bytes(n int64) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	digits := 1
	if unit == 0 || v >= 100 {
		digits = 0
	}
	return decimals(v, digits) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}

func lossRange(i metric.Interval) string { return decimals(i.Low, 3) + "–" + decimals(i.High, 3) }

func signedRange(i metric.Interval) string { return signed(i.Low, 3) + " to " + signed(i.High, 3) }

// Summary describes in one sentence how the held-out loss changed, and whether the change is
// significant: whether the 95 % interval of the difference excludes 0.
func (h Heldout) Summary() string {
	if h.Ours >= len(h.Rows) || h.Baseline >= len(h.Rows) || h.Rows[h.Ours].Against == nil {
		return ""
	}
	base, ours := h.Rows[h.Baseline], h.Rows[h.Ours]
	diff := *ours.Against
	s := fmt.Sprintf("On %s unseen texts (%s tokens), the loss of %s is %s nats per token "+
		"and the loss of %s is %s: a difference of %s (95 %% interval %s)",
		count(h.Texts), count(ours.Tokens), ours.Name, decimals(ours.Loss.Point, 3), base.Name,
		decimals(base.Loss.Point, 3),
		signed(diff.Point, 3), signedRange(diff))
	switch {
	case !diff.Excludes(0):
		return s + ", which is not significant." + h.lower()
	case diff.Point > 0:
		return s + ". This is worse than before training." + h.lower()
	}
	return fmt.Sprintf("%s. The probability of the writer's tokens is %s times as high (geometric mean).%s", s,
		decimals(math.Exp(-diff.Point), 2), h.lower())
}

// lower names the model with the lowest loss if it is another one.
func (h Heldout) lower() string {
	least := h.Ours
	for i, r := range h.Rows {
		if r.Loss.Point < h.Rows[least].Loss.Point {
			least = i
		}
	}
	if least == h.Ours {
		return ""
	}
	return fmt.Sprintf(" The lowest loss is that of %s, %s.", h.Rows[least].Name, decimals(h.Rows[least].Loss.Point, 3))
}
