package eval

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/history"
	"nextquill/core/method"
	"nextquill/core/metric"
)

// fake has methods whose tokens have a known distribution: each token is one of two, with a gap g
// between their logits, so p = 1/(1+exp(−g/T)). The methods change the gaps in a known way.
type fake struct {
	t      *testing.T
	runs   map[ID]int
	shares int
	// trained is the adapter that each run was given, if it is not nil.
	trained map[ID]string
	stop    int // fail after so many runs, if positive
	clock   time.Time
	open    *Results // of the newest runner
	// impersonal makes another writer's history as good as the own.
	impersonal bool
}

var temperatures = []float64{.5, .6, .7, .8, .9, 1, 1.1, 1.2, 1.3}

// point sums over tokens at a temperature.
func point(gaps []float64, preferred func(i int) bool, temperature float64) (p method.Point) {
	for i, g := range gaps {
		q := 1 / (1 + math.Exp(-g/temperature))
		p.Loss -= math.Log(q)
		p.Probability += q
		if preferred(i) {
			p.Preferred -= math.Log(q)
		}
		if q > .5 {
			p.Correct++
		}
	}
	return p
}

func seedOf(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	return h.Sum64()
}

func (f *fake) steps() Steps {
	return Steps{
		Run: func(ctx context.Context, e Entry, u method.User, o method.Options, on progress) (method.Cell, error) {
			if err := ctx.Err(); err != nil {
				return method.Cell{}, err
			}
			id := ID{e.Name, e.Regime, e.Control, u.ID}
			if f.stop > 0 {
				if f.stop--; f.stop == 0 {
					return method.Cell{}, context.Canceled
				}
			}
			f.runs[id]++
			if f.trained != nil && o.Trained != nil {
				f.trained[id] = o.Trained.Adapter
			}
			on(method.Progress{Stage: "train", Done: 1, Total: 2})
			f.clock = f.clock.Add(10 * time.Second)
			require.NotNil(f.t, o.Preference)
			return f.cell(e, u, o), nil
		},
		Share: func(_ context.Context, e Entry, users []method.User, o method.Options, on progress) (string, error) {
			f.shares++
			require.NotEmpty(f.t, users)
			return "shared/" + e.folder(), nil
		},
		Losses: func(_ context.Context, e Entry, u method.User, model, adapter string, o method.Options) ([]float64,
			error) {
			out := make([]float64, len(u.Test))
			for i := range out {
				out[i] = 5
				if adapter == "adapter/"+u.ID && i != 0 { // the first text of each user is attributed to no one
					out[i] = 4
				}
			}
			out[len(out)-1] = math.NaN()
			return out, nil
		},
		Preferences: func(context.Context, method.User, method.Options, progress) (*method.Preference,
			error) {
			return &method.Preference{}, nil
		},
	}
}

func (f *fake) cell(e Entry, u method.User, o method.Options) method.Cell {
	c := method.Cell{Method: e.Name, User: u.ID, Regime: e.Regime, Temperatures: temperatures, Temperature: .9,
		Steering: 1,
		Cost:     method.Cost{Seconds: 9, TrainSeconds: 6, Steps: 20, Trained: 1000, PeakBytes: 1 << 20}}
	if e.Trains() {
		c.Adapter = "adapter/" + u.ID
		if f.trained != nil {
			c.Adapter = e.folder() + "/" + u.ID
		}
	}
	for i, it := range u.Test {
		rng := rand.New(rand.NewPCG(seedOf(u.ID, i), 1))
		gaps := make([]float64, 40)
		for j := range gaps {
			gaps[j] = .4 + rng.NormFloat64()
			switch e.Name {
			case "nextquill": // contextsft at temperature .8, and nothing else
				gaps[j] /= .8
			case "quill":
				gaps[j] += .1 + .05*rng.NormFloat64()
			case "base":
				gaps[j] -= .3
			}
		}
		preferred := func(j int) bool { return j%10 == 0 }
		s := method.TextScore{Index: i, ID: it.ID, Tokens: len(gaps), Preference: 4, Point: point(gaps, preferred, 1),
			Fitted: point(gaps, preferred, .9)}
		for _, temperature := range temperatures {
			s.Curve = append(s.Curve, point(gaps, preferred, temperature))
		}
		if !e.NoHistory {
			s.Erased = s.Loss + 4
			switch {
			case o.Foreign != nil && f.impersonal:
				noise := .01 * rng.NormFloat64()
				s.Loss, s.Erased = s.Loss+noise, s.Erased+noise
			case o.Foreign != nil: // the loss without history is the same
				s.Loss = s.Erased + .1*rng.NormFloat64()
			}
		}
		c.Texts = append(c.Texts, s)
		if i < 2 {
			c.Drafts = append(c.Drafts, method.Draft{Index: i, Text: it.Text + " <b>& more</b>", Tokens: 5,
				Ended: i == 0,
				Match: &metric.Match{F1: .5 + .25*float64(i)}})
		}
	}
	return c
}

func testUsers(n, texts int) []method.User {
	var out []method.User
	for i := range n {
		u := method.User{ID: fmt.Sprintf("user %d", i)}
		item := func(kind string, j int) history.Item {
			return history.Item{ID: fmt.Sprintf("%s%d", kind, j), Text: fmt.Sprintf("The %s text %d of writer %d.",
				kind, j, i),
				Context: []history.Field{{Name: "about", Value: fmt.Sprint("subject ", j)}}}
		}
		for j := range texts {
			u.Train = append(u.Train, item("train", j))
			u.Test = append(u.Test, item("test", j))
		}
		u.Validation = []history.Item{item("validation", 0)}
		out = append(out, u)
	}
	return out
}

func testSettings() Settings {
	return Settings{Version: "1", Model: "m", Training: api.Training{Epochs: new(3.), LR: new(1e-3)}, Delta: .05,
		Seed: 1}
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, runs: map[ID]int{}, clock: time.Unix(0, 0)}
}

// runner makes a runner on a results file.
func (f *fake) runner(path string, users []method.User, shuffled bool, methods ...string) *Runner {
	entries, err := Entries(methods, []method.Regime{method.Personal}, shuffled)
	require.NoError(f.t, err)
	if f.open != nil {
		f.open.Close() // of the run before, which may have closed it
	}
	results, err := OpenResults(path, testSettings())
	require.NoError(f.t, err)
	f.open = results
	f.t.Cleanup(func() { results.Close() })
	return &Runner{Steps: f.steps(), Results: results, Entries: entries, Users: users, Identify: 20,
		Now: func() time.Time { return f.clock }}
}

func (f *fake) count() (n int) {
	for _, c := range f.runs {
		n += c
	}
	return n
}

// most is the largest number of runs of one cell.
func (f *fake) most() int {
	n := 0
	for _, c := range f.runs {
		n = max(n, c)
	}
	return n
}
