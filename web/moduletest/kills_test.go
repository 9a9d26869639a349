package moduletest_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// position is a step of a run.
type position struct{ Phase, Step int }

func (a position) before(b position) bool {
	return a.Phase < b.Phase || a.Phase == b.Phase && a.Step < b.Step
}

// progress is a message of the step "live": one of these is set.
type progress struct {
	Opened, Left bool // the model is open; Left: a run was left
	Texts        string
	Torn         bool // a checkpoint is half written
	Saved, Step  *position
	Adapter      string // the hash of the adapter of a run that has ended
	Fault        string
}

// killing is the way in which a page is killed.
type killing string

const (
	reload killing = "reload"
	closed killing = "closed tab"
	crash  killing = "crashed renderer"
)

// killings returns n of them, as many of each kind as possible, in random order.
func killings(random *rand.Rand, n int) []killing {
	all := slices.Collect(func(yield func(killing) bool) {
		for i := range n {
			yield([]killing{reload, closed, crash}[i%3])
		}
	})
	random.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// kill ends the page, and returns the one that takes its place.
func (p *tab) kill(how killing) *tab {
	f := p.fixture
	if how == reload {
		// Without the flag WaitLoaded might see the old document.
		_, err := p.Evaluate(f.Context(), "globalThis.testRunner = undefined, setTimeout(() => location.reload()), 0")
		require.NoError(f, err)
		require.NoError(f, p.WaitLoaded(f.Context()))
		return p
	}
	if how == crash {
		require.NoError(f, p.browser.Crash(f.Context()))
	}
	p.Close()
	return f.openTab()
}

// TestKills kills the page 20 times at random moments, in three ways. Each time nothing that was
// reported as stored is lost, and in the end each run gives the adapter of a run that nothing
// disturbs.
func TestKills(t *testing.T) {
	t.Parallel()
	const kills, seed = 20, 7
	k := killTest{fixture: load(t, "kills.steps"), random: rand.New(rand.NewPCG(seed, 0)), last: kills}
	k.tab = k.openTab()
	k.tab.call(&k.undisturbed, "undisturbed")
	t.Logf("seed %d; an undisturbed run takes %.0f ms", seed, k.undisturbed.Milliseconds)
	start := time.Now()
	for n, how := range killings(k.random, kills) {
		k.visit(n, how)
	}
	k.visit(kills, "") // lives until its run is done
	k.tab.call(nil, "dispose")
	k.tab.Close()
	t.Logf(
		"%d kills, %d runs resumed, %d runs done, all with the same adapter, in %.0f s",
		kills,
		k.resumed,
		k.done,
		time.Since(start).Seconds(),
	)
	require.Positive(t, k.resumed)
	require.Positive(t, k.done)
}

type killTest struct {
	*fixture
	random      *rand.Rand
	tab         *tab
	last        int // the visit that is not killed
	undisturbed struct {
		Adapter, Texts string
		Milliseconds   float64
	}

	saved         position // newest checkpoint of the run under way
	left          bool     // whether there is such a run
	done, resumed int      // runs
}

// visit lets a page train, and kills it. Each fifth page is killed while it opens, each fifth in
// the middle of a checkpoint, the others some time after a random number of messages.
func (k *killTest) visit(n int, how killing) {
	messages := make(chan progress, 1000)
	k.tab.OnMessage(func(raw json.RawMessage) {
		var m progress
		if err := json.Unmarshal(raw, &m); err != nil {
			m.Fault = err.Error()
		}
		messages <- m
	})
	k.tab.call(nil, "live")
	delay := time.Duration(k.random.Float64() * float64(80*time.Millisecond))
	after := 1 + k.random.IntN(30) // a run sends thirty messages
	if n%5 == 4 {
		delay, after = time.Duration(k.random.Float64()*k.undisturbed.Milliseconds/2*float64(time.Millisecond)), 0
	}
	resuming := true // no step of the resumed run was seen yet
	tearing, goal := false, k.done+1
	var due <-chan time.Time
	for received := 0; ; {
		if n < k.last && received >= after && due == nil && !tearing {
			if tearing = n%5 == 3; tearing {
				k.tab.call(nil, "tearCheckpoint")
			} else {
				due = time.After(delay)
			}
		}
		select {
		case m := <-messages:
			received++
			require.Empty(k, m.Fault)
			switch {
			case m.Opened:
				k.opened(m)
			case m.Step != nil && resuming && k.left:
				require.True(k, k.saved.before(*m.Step), "it resumes at step %v, though %v was stored", m.Step, k.saved)
				resuming = false
			case m.Torn:
				due = time.After(0)
			default:
				k.stored(m)
				if m.Adapter != "" && n == k.last && k.done >= goal {
					return
				}
			}
		case <-due:
			k.Logf("%2d: %s, %v after %d messages; torn %v; newest checkpoint %v; %d runs done",
				n+1, how, delay.Round(time.Millisecond), after, tearing, k.saved, k.done)
			k.tab = k.tab.kill(how)
			for { // what the page sent before its end
				select {
				case m := <-messages:
					k.stored(m)
				default:
					return
				}
			}
		case <-time.After(time.Minute):
			require.Fail(k, "the page sends nothing")
		}
	}
}

func (k *killTest) opened(m progress) {
	require.Equal(k, k.undisturbed.Texts, m.Texts)
	if k.saved != (position{}) {
		require.True(k, m.Left, "the run is lost")
	}
	if k.left = m.Left; k.left {
		k.resumed++
	} else {
		k.saved = position{}
	}
}

// stored takes the messages about what is in storage from now on.
func (k *killTest) stored(m progress) {
	if m.Saved != nil {
		k.saved, k.left = *m.Saved, true
	}
	if m.Adapter != "" {
		require.Equal(k, k.undisturbed.Adapter, m.Adapter)
		k.done, k.left, k.saved = k.done+1, false, position{}
	}
}

// TestImportKilled kills the page while it imports: afterwards all texts are there, or none.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	f := load(t, "kills.steps")
	f.origin = f.site.URL // not that of TestKills
	var counts []int
	for range 4 {
		p := f.openTab()
		p.call(nil, "startImport", random.IntN(60))
		p = p.kill(crash)
		var r struct{ Before, Added, Skipped, After int }
		p.call(&r, "importAgain")
		p.Close()
		require.Contains(t, []int{0, 160}, r.Before)
		require.Equal(t, 160, r.After)
		require.Equal(t, 160, r.Added+r.Skipped)
		require.Equal(t, r.Before, r.Skipped)
		counts = append(counts, r.Before)
	}
	t.Logf("texts after the kills: %v", counts)
}
