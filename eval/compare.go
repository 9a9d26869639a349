package eval

import (
	"math"
	"slices"

	"nextquill/core/method"
	"nextquill/core/metric"
	"nextquill/core/metric/overlap"
)

// Row has the figures of an entry.
type Row struct {
	Entry
	Users, Texts int
	Skipped      int // test texts that do not fit the model's context
	// Values are missing (nil) where an entry has no such figure, as base has no history.
	Values [figures]*metric.Interval
	// Against are differences to the baseline on the texts of both, paired; nil in the baseline.
	Against [figures]*metric.Interval
	// Foreign is the loss of a control minus that of the entry with the own history, paired. It is
	// the part that is due to the writer; nil in other rows.
	Foreign *metric.Interval
	Same    *Matched
	Cost    Cost
	// Temperature, Steering and Share are means over users.
	Temperature, Steering, Share float64
}

// Cost is what an entry cost, per user.
type Cost struct {
	Seconds, TrainSeconds float64
	Shared                float64 // seconds of what users share, in all
	Steps, Written        float64
	Trained               float64 // tokens
	PeakBytes             int64
}

// Matched compares an entry with the baseline at the temperature at which the baseline has the same
// mean probability of the writer's tokens. What an entry gains on the baseline only by being as
// confident vanishes here.
type Matched struct {
	Temperature    float64 // of the baseline
	Loss           float64 // of the baseline at that temperature, nats per token
	PreferenceLoss float64
	// Against are differences of the entry (at temperature 1) to the baseline at that temperature.
	Against, AgainstPreference *metric.Interval
}

// Comparison is the result of a run.
type Comparison struct {
	Rows     []Row
	Baseline int  // index of the row that differences refer to; −1 if it is missing
	ByUser   bool // intervals resample users, not texts
	Units    int  // users or texts that are resampled
	Missing  int  // cells that are not finished
	Tokens   int  // of the test texts of the baseline, or of the first row
	Pref     int  // preference tokens among them
}

// manyUsers is the number of users from which intervals resample users. Intervals from fewer would
// be far too narrow; those over texts hold for these users only, and the report says so.
const manyUsers = 10

// fewUnits is the number of units below which no interval is given.
const fewUnits = 5

// Baseline is the method that differences refer to.
const Baseline = "contextsft"

// Compare computes the figures of all entries that have results.
func (r *Runner) Compare() Comparison {
	c := Comparison{Baseline: -1, ByUser: len(r.Users) >= manyUsers}
	entries := slices.Clone(r.Entries)
	slices.SortStableFunc(entries, compareEntries)
	var all []collected
	for _, e := range entries {
		got := r.collect(e)
		c.Missing += len(r.Users) - len(got.cells)
		if len(got.texts) == 0 {
			continue
		}
		if e.Name == Baseline && e.Control == "" && c.Baseline < 0 {
			c.Baseline = len(all)
		}
		all = append(all, got)
	}
	if len(all) > 0 { // an unfinished run has not all users
		base := all[max(0, c.Baseline)]
		c.Units = len(group(base.texts, c.ByUser))
	}
	for i, got := range all {
		row := got.row(r, c.ByUser)
		if c.Baseline >= 0 && i != c.Baseline {
			against(&row, got, all[c.Baseline], c.ByUser)
		}
		for _, own := range all {
			if got.Control != "" && own.Control == "" && own.Name == got.Name && own.Regime == got.Regime {
				x, y := common(got, own)
				row.Foreign = paired(group(x, c.ByUser), group(y, c.ByUser), Loss)
			}
		}
		c.Rows = append(c.Rows, row)
	}
	if len(all) > 0 {
		for _, t := range all[max(0, c.Baseline)].texts {
			c.Tokens += int(t.parts[Loss].den)
			c.Pref += int(t.parts[PreferenceLoss].den)
		}
	}
	return c
}

// collected are the results of an entry.
type collected struct {
	Entry
	cells  []method.Cell
	texts  []text
	points map[key]curve
}

// curve is the loss of a text at several temperatures.
type curve struct {
	temperatures []float64
	points       []method.Point
}

func (r *Runner) collect(e Entry) collected {
	out := collected{Entry: e, points: map[key]curve{}}
	for _, u := range r.Users {
		id := ID{e.Name, e.Regime, e.Control, u.ID}
		l, ok := r.Results.cells[id]
		if !ok {
			continue
		}
		out.cells = append(out.cells, *l.Cell)
		out.texts = append(out.texts, texts(u, *l.Cell, r.authors(id))...)
		for _, t := range l.Cell.Texts {
			if len(t.Curve) == len(l.Cell.Temperatures) {
				out.points[key{u.ID, t.Index}] = curve{l.Cell.Temperatures, t.Curve}
			}
		}
	}
	return out
}

func (g collected) row(r *Runner, byUser bool) Row {
	row := Row{Entry: g.Entry, Users: len(g.cells), Texts: len(g.texts)}
	n := float64(len(g.cells))
	for _, c := range g.cells {
		row.Skipped += c.Skipped
		row.Temperature += c.Temperature / n
		row.Steering += c.Steering / n
		row.Share += c.Share / n
		row.Cost.Seconds += c.Cost.Seconds / n
		row.Cost.TrainSeconds += c.Cost.TrainSeconds / n
		row.Cost.Steps += float64(c.Cost.Steps) / n
		row.Cost.Trained += float64(c.Cost.Trained) / n
		row.Cost.Written += float64(c.Cost.Written) / n
		row.Cost.PeakBytes = max(row.Cost.PeakBytes, c.Cost.PeakBytes)
	}
	row.Cost.Shared = r.Results.shared[ID{Method: g.Name, Regime: g.shared().Regime}].Seconds
	groups := group(g.texts, byUser)
	for f := range Figure(figures) {
		units := both(groups, groups, f)
		row.Values[f] = interval(len(units), statistic(pick(groups, units), f))
	}
	return row
}

// against fills in the differences of a row to the baseline.
func against(row *Row, own, base collected, byUser bool) {
	x, y := common(own, base)
	if len(x) == 0 {
		return
	}
	gx, gy := group(x, byUser), group(y, byUser)
	for f := range Figure(figures) {
		row.Against[f] = paired(gx, gy, f)
	}
	row.Same = match(x, y, base.points, byUser)
}

// common are the contributions of the texts that both entries have, in the same order.
func common(a, b collected) (x, y []text) {
	theirs := map[key]text{}
	for _, t := range b.texts {
		theirs[t.key] = t
	}
	for _, t := range a.texts {
		if other, ok := theirs[t.key]; ok {
			x, y = append(x, t), append(y, other)
		}
	}
	return x, y
}

// group sums the contributions of texts by user, or leaves them as they are.
func group(all []text, byUser bool) []text {
	if !byUser {
		return all
	}
	index := map[string]int{}
	var out []text
	for _, t := range all {
		i, ok := index[t.user]
		if !ok {
			i = len(out)
			index[t.user] = i
			out = append(out, text{key: key{user: t.user}})
		}
		for f := range t.parts {
			out[i].parts[f].num += t.parts[f].num
			out[i].parts[f].den += t.parts[f].den
		}
		out[i].bleu.Add(t.bleu)
	}
	return out
}

// both are the units that have a figure in x and in y: a draft may be missing.
func both(x, y []text, f Figure) []int {
	var out []int
	for i := range x {
		if x[i].parts[f].den > 0 && y[i].parts[f].den > 0 {
			out = append(out, i)
		}
	}
	return out
}

func pick(units []text, which []int) []text {
	out := make([]text, len(which))
	for i, j := range which {
		out[i] = units[j]
	}
	return out
}

// paired is the difference of a figure of x to that of y.
func paired(x, y []text, f Figure) *metric.Interval {
	units := both(x, y, f)
	a, b := statistic(pick(x, units), f), statistic(pick(y, units), f)
	return interval(len(units), func(draw []int) float64 { return a(draw) - b(draw) })
}

// statistic is a figure of a sample of units.
func statistic(units []text, f Figure) func(draw []int) float64 {
	if f == Bleu {
		return func(draw []int) float64 {
			var sum overlap.BLEU
			n := 0.
			for _, i := range draw {
				sum.Add(units[i].bleu)
				n += units[i].parts[Bleu].den
			}
			if n == 0 {
				return math.NaN()
			}
			return sum.Corpus()
		}
	}
	return func(draw []int) float64 {
		num, den := 0., 0.
		for _, i := range draw {
			num += units[i].parts[f].num
			den += units[i].parts[f].den
		}
		return num / den // NaN without a denominator
	}
}

// interval is nil if the statistic has no value. Of few units nothing is known but the value.
func interval(n int, value func(draw []int) float64) *metric.Interval {
	if n == 0 {
		return nil
	}
	i := metric.Bootstrap{Seed: 1}.Statistic(n, value)
	if math.IsNaN(i.Point) {
		return nil
	}
	if n < fewUnits || math.IsNaN(i.Low) {
		i.Low, i.High = math.Inf(-1), math.Inf(1)
	}
	return &i
}

// match compares x with y at the temperature at which y has the mean probability of x. It
// returns nil if y was not measured at such a temperature.
func match(x, y []text, points map[key]curve, byUser bool) *Matched {
	want, tokens := 0., 0.
	for i := range x {
		p := x[i].parts[Probability]
		want, tokens = want+p.num, tokens+p.den
		if c, ok := points[y[i].key]; !ok || len(c.points) < 2 || !slices.Equal(c.temperatures,
			points[y[0].key].temperatures) {
			return nil
		}
	}
	temperatures := points[y[0].key].temperatures
	mean := make([]float64, len(temperatures))
	for i := range y {
		for j, p := range points[y[i].key].points {
			mean[j] += p.Probability / tokens
		}
	}
	temperature, ok := crossing(temperatures, mean, want/tokens)
	if !ok {
		return nil
	}
	m := &Matched{Temperature: temperature}
	at := make([]text, len(y))
	loss, preferred := make([]float64, len(temperatures)), make([]float64, len(temperatures))
	for i, t := range y {
		for j, p := range points[t.key].points {
			loss[j], preferred[j] = p.Loss, p.Preferred
		}
		at[i].key = t.key
		at[i].parts[Loss] = part{interpolate(temperatures, loss, temperature), t.parts[Loss].den}
		at[i].parts[PreferenceLoss] = part{interpolate(temperatures, preferred, temperature),
			t.parts[PreferenceLoss].den}
	}
	gx, gy := group(x, byUser), group(at, byUser)
	compare := func(f Figure) (float64, *metric.Interval) {
		units := both(gx, gy, f)
		value := interval(len(units), statistic(pick(gy, units), f))
		if value == nil {
			return 0, nil
		}
		return value.Point, paired(gx, gy, f)
	}
	m.Loss, m.Against = compare(Loss)
	m.PreferenceLoss, m.AgainstPreference = compare(PreferenceLoss)
	return m
}

// crossing finds the x at which a curve through points first has a value.
func crossing(xs, ys []float64, want float64) (x float64, ok bool) {
	for j := range len(ys) - 1 {
		if (ys[j]-want)*(ys[j+1]-want) > 0 {
			continue
		}
		lo, hi := xs[j], xs[j+1]
		rising := ys[j] < ys[j+1]
		for range 60 {
			mid := (lo + hi) / 2
			if (interpolate(xs, ys, mid) < want) == rising {
				lo = mid
			} else {
				hi = mid
			}
		}
		return (lo + hi) / 2, true
	}
	return 0, false
}

// interpolate evaluates the parabola through the three points around x; through two points a line.
// A line would overestimate a loss between two temperatures, where its curve is convex.
func interpolate(xs, ys []float64, x float64) float64 {
	if len(xs) == 2 {
		return ys[0] + (x-xs[0])/(xs[1]-xs[0])*(ys[1]-ys[0])
	}
	i := 1
	for i < len(xs)-2 && (xs[i]+xs[i+1])/2 < x {
		i++
	}
	a, b, c := xs[i-1], xs[i], xs[i+1]
	return ys[i-1]*(x-b)*(x-c)/((a-b)*(a-c)) + ys[i]*(x-a)*(x-c)/((b-a)*(b-c)) +
		ys[i+1]*(x-a)*(x-b)/((c-a)*(c-b))
}
