package eval

// spent is the time that steps of one kind took.
type spent struct {
	seconds float64
	count   int
}

func (r *Runner) took(kind string, seconds float64) {
	s := r.spent[kind]
	if s == nil {
		s = &spent{}
		r.spent[kind] = s
	}
	s.seconds += seconds
	s.count++
}

// left estimates the seconds of the given steps, of which the first has run for some seconds. A
// step takes as long as those of its kind so far; without any, as long as others by its weight.
func (r *Runner) left(steps []step, running float64) float64 {
	seconds, weight := 0., 0.
	for kind, s := range r.spent {
		seconds += s.seconds
		weight += float64(s.count) * r.weights[kind]
	}
	if weight == 0 {
		return -1
	}
	sum := 0.
	for i, s := range steps {
		expected := seconds / weight * r.weights[s.kind]
		if own := r.spent[s.kind]; own != nil {
			expected = own.seconds / float64(own.count)
		}
		if i == 0 {
			expected = max(expected-running, running/10)
		}
		sum += expected
	}
	return sum
}

// weight is roughly how long a cell takes, relative to one of a method that does not train.
func (e Entry) weight() float64 {
	switch {
	case e.TaskAdapter:
		return 8
	case e.Preset == "nextquill":
		return 6 // it also trains the frozen adapter that determines the DCE
	case e.Trains():
		return 3
	}
	return 1
}
