package eval

import (
	"fmt"
	"math"
	"strings"

	"nextquill/core/api"
	"nextquill/core/history"
	"nextquill/core/method"
	"nextquill/core/metric"
)

// findings says in a few sentences what the comparison shows.
func (c Comparison) findings() []string {
	var out []string
	if c.Baseline < 0 {
		return nil
	}
	base := c.Rows[c.Baseline]
	own, controls := c.parts()
	for _, row := range own {
		if row.Name == method.Default && row.Against[Loss] != nil {
			out = append(out, c.headline(row, base))
		}
	}
	if s := c.sharpened(own, base.title()); s != "" {
		out = append(out, s)
	}
	for _, row := range controls {
		if row.Name != method.Default && row.Name != Baseline {
			continue // the table has them all
		}
		if s := control(own, row); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// headline compares the default method with the baseline, on the texts that both have: an
// unfinished run has more users of one than of the other.
func (c Comparison) headline(row, base Row) string {
	d := row.Against[Loss]
	s := fmt.Sprintf("%s has a held-out loss of %.3f nats per token and %s one of %.3f: ", row.title(),
		row.Values[Loss].Point, base.title(), row.Values[Loss].Point-d.Point)
	switch {
	case !d.Excludes(0):
		s += "no difference that can be told from chance (" + shown(d) + ")."
	case d.Point < 0:
		s += fmt.Sprintf("it is lower by %.3f (%s); the writers’ tokens are %.1f %% more likely.", -d.Point, shown(d),
			100*(math.Exp(-d.Point)-1))
	default:
		s += fmt.Sprintf("it is higher by %.3f (%s).", d.Point, shown(d))
	}
	for _, f := range []Figure{RougeL, Author} {
		d := row.Against[f]
		switch {
		case d == nil:
		case !d.Excludes(0):
			s += fmt.Sprintf(" %s does not differ (%s).", sentence(f), shown(d))
		case d.Point > 0:
			s += fmt.Sprintf(" %s is higher (%s).", sentence(f), shown(d))
		default:
			s += fmt.Sprintf(" %s is lower (%s).", sentence(f), shown(d))
		}
	}
	if m := row.Same; m != nil && d.Excludes(0) && d.Point < 0 && m.Against != nil && !(m.Against.High < 0) {
		s += fmt.Sprintf(" But %s at temperature %.2f has the same mean probability and the same loss: the gain is "+
			"sharpening.", base.title(), m.Temperature)
	}
	return s
}

func sentence(f Figure) string {
	if f == Author {
		return "The share of texts whose author is found"
	}
	return "The " + measures[f].Name + " of its drafts"
}

func shown(i *metric.Interval) string {
	if math.IsInf(i.High-i.Low, 0) {
		return "interval unknown"
	}
	return strings.ReplaceAll(fmt.Sprintf("95 %% interval %+.3f to %+.3f", i.Low, i.High), "-", "−")
}

// sharpened names the methods whose gain on preference tokens the baseline has at a lower
// temperature, too.
func (c Comparison) sharpened(rows []Row, base string) string {
	var names []string
	for _, row := range rows {
		d := row.Against[PreferenceLoss]
		if d == nil || d.High >= 0 || row.Same == nil || row.Same.AgainstPreference == nil {
			continue
		}
		if row.Same.AgainstPreference.High >= 0 {
			names = append(names, row.title())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("The lower loss on preference tokens of %s is sharpening: %s at a lower temperature has it, "+
		"too.",
		strings.Join(names, ", "), base)
}

// control says how much of the gain from history is due to the writer.
func control(own []Row, foreign Row) string {
	for _, row := range own {
		if row.Name != foreign.Name || row.Regime != foreign.Regime {
			continue
		}
		a, b, due := row.Values[HistoryGain], foreign.Values[HistoryGain], foreign.Foreign
		if a == nil || b == nil || due == nil {
			return ""
		}
		s := fmt.Sprintf("The history lowers the loss of %s by %.3f nats per token, and another writer’s history by "+
			"%s: ", row.title(), a.Point, strings.ReplaceAll(fmt.Sprintf("%.3f", b.Point), "-", "−"))
		switch {
		case a.Low <= 0:
			return s + "neither gain can be told from chance."
		case due.Low <= 0:
			return s + fmt.Sprintf("a gain that is due to the writer cannot be told from chance (%s).", shown(due))
		}
		return s + fmt.Sprintf("%.3f are due to the writer (%s).", due.Point, shown(due))
	}
	return ""
}

// fields converts the context of an item for the report.
func fields(in []history.Field) []api.Field {
	out := make([]api.Field, len(in))
	for i, f := range in {
		out[i] = api.Field(f)
	}
	return out
}
