package eval

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/method"
	"nextquill/report"
)

func compared(t *testing.T, users []method.User, shuffled bool, methods ...string) (*Runner, Comparison) {
	t.Helper()
	f := newFake(t)
	r := f.runner(filepath.Join(t.TempDir(), "results.jsonl"), users, shuffled, methods...)
	require.NoError(t, r.Run(t.Context()))
	return r, r.Compare()
}

func (c Comparison) row(t *testing.T, name, control string) Row {
	for _, r := range c.Rows {
		if r.Name == name && r.Control == control {
			return r
		}
	}
	t.Fatalf("no row %s %s", name, control)
	return Row{}
}

// In the fake, nextquill is contextsft at temperature .8. The control for sharpening must find that
// temperature and leave no difference; quill's gain must remain.
func TestSharpeningIsRecognized(t *testing.T) {
	r, c := compared(t, testUsers(12, 4), false, "contextsft", "nextquill", "quill")
	require.True(t, c.ByUser)
	nq := c.row(t, "nextquill", "")
	require.InDelta(t, .8, nq.Same.Temperature, .005)
	require.InDelta(t, 0, nq.Same.Against.Point, 5e-4)
	require.InDelta(t, 0, nq.Same.AgainstPreference.Point, 1e-3)
	quill := c.row(t, "quill", "")
	require.True(t, quill.Against[Loss].Excludes(0))
	require.Less(t, quill.Same.Against.High, 0.)
	var e report.Evaluation
	r.describe(&e, c)
	require.Contains(t, e.Findings[0], "Quill has a held-out loss of")
	require.Contains(t, e.Findings[0], "lower by")
	require.NotContains(t, e.Findings[0], "sharpening")
}

// The figures are those of the texts, whatever way they are summed.
func TestFigures(t *testing.T) {
	users := testUsers(3, 4)
	r, c := compared(t, users, false, "base", "contextsft")
	base := c.row(t, "base", "")
	loss, tokens := 0., 0
	for _, u := range users {
		for _, s := range r.Results.cells[ID{"base", method.Personal, "", u.ID}].Cell.Texts {
			loss, tokens = loss+s.Loss, tokens+s.Tokens
		}
	}
	require.InDelta(t, loss/float64(tokens), base.Values[Loss].Point, 1e-12)
	require.Nil(t, base.Values[HistoryGain])
	require.Nil(t, base.Values[Author])
	sft := c.row(t, "contextsft", "")
	require.InDelta(t, .1, sft.Values[HistoryGain].Point, 1e-12)
	// Of four texts, the first is a tie of three, the last has no loss: (1/3 + 1 + 1) / 3.
	require.InDelta(t, (1./3+2)/3, sft.Values[Author].Point, 1e-12)
	require.InDelta(t, .5, sft.Values[StopRate].Point, 1e-12)
	require.InDelta(t, .625, sft.Values[HiddenMatch].Point, 1e-12)
	require.InDelta(t, 10./7, sft.Values[LengthRatio].Point, .2)
	require.Nil(t, sft.Against[Loss])
	require.InDelta(t, base.Values[Loss].Point-sft.Values[Loss].Point, base.Against[Loss].Point, 1e-12)
	require.Equal(t, 3*4*40, c.Tokens)
	require.Equal(t, 3*4*4, c.Pref)
}

// An unfinished run has more users of one method than of another. The sentence compares the same
// texts.
func TestUnfinishedRun(t *testing.T) {
	users := testUsers(12, 4)
	r, _ := compared(t, users, false, "contextsft", "quill")
	delete(r.Results.cells, ID{"contextsft", method.Personal, "", users[0].ID})
	delete(r.Results.cells, ID{"quill", method.Personal, "", users[0].ID})
	delete(r.Results.cells, ID{"quill", method.Personal, "", users[1].ID})
	loss, tokens := 0., 0
	for _, u := range users[2:] {
		for _, s := range r.Results.cells[ID{"contextsft", method.Personal, "", u.ID}].Cell.Texts {
			loss, tokens = loss+s.Loss, tokens+s.Tokens
		}
	}
	c := r.Compare()
	require.Contains(t, c.scope(), "the intervals resample 11 users; 3 cells not finished")
	require.Contains(t, c.findings()[0], fmt.Sprintf("and ContextSFT one of %.3f", loss/float64(tokens)))
}

// With one user, texts are resampled.
func TestOneUser(t *testing.T) {
	_, c := compared(t, testUsers(1, 30), false, "contextsft", "quill")
	require.False(t, c.ByUser)
	require.Equal(t, 30, c.Units)
	require.Contains(t, c.scope(), "the intervals resample 30 texts, so they hold for these users")
	require.Nil(t, c.row(t, "quill", "").Values[Author])
}

func TestControl(t *testing.T) {
	_, c := compared(t, testUsers(12, 6), true, "contextsft", "quill")
	require.Len(t, c.Rows, 4)
	foreign, own := c.row(t, "quill", Shuffled), c.row(t, "quill", "")
	require.InDelta(t, 0, foreign.Values[HistoryGain].Point, .01)
	require.InDelta(t, foreign.Values[Loss].Point-own.Values[Loss].Point, foreign.Foreign.Point, 1e-12)
	require.InDelta(t, .1, foreign.Foreign.Point, .02)
	require.Greater(t, foreign.Foreign.Low, 0.)
	require.Nil(t, own.Foreign)
	text := strings.Join(c.findings(), "\n")
	require.Contains(t, text, "The history lowers the loss of Quill by 0.1")
	require.Regexp(t, `and another writer’s history by −?0\.00\d: 0\.1\d\d are due to the writer`, text)
}

// TestControlWithoutGain: the history helps as much if it is another writer's.
func TestControlWithoutGain(t *testing.T) {
	f := newFake(t)
	f.impersonal = true
	r := f.runner(filepath.Join(t.TempDir(), "results.jsonl"), testUsers(12, 6), true, "contextsft", "quill")
	require.NoError(t, r.Run(t.Context()))
	c := r.Compare()
	foreign := c.row(t, "quill", Shuffled)
	require.InDelta(t, .1, foreign.Values[HistoryGain].Point, .01)
	require.False(t, foreign.Foreign.Excludes(0))
	require.Contains(t, strings.Join(c.findings(), "\n"), "due to the writer cannot be told from chance")
}

func TestInterpolate(t *testing.T) {
	xs := []float64{.5, .6, .8, 1, 1.5}
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = 2*x*x - x + 3
	}
	for _, x := range []float64{.5, .55, .7, .95, 1.3, 1.5} {
		require.InDelta(t, 2*x*x-x+3, interpolate(xs, ys, x), 1e-9)
	}
	at, ok := crossing(xs, ys, 2*.7*.7-.7+3)
	require.True(t, ok)
	require.InDelta(t, .7, at, 1e-9)
	_, ok = crossing(xs, ys, 99)
	require.False(t, ok)
	require.InDelta(t, 1.5, interpolate([]float64{1, 2}, []float64{1, 2}, 1.5), 1e-12)
	require.False(t, math.IsNaN(interpolate(xs, ys, 2)))
}

// The report is complete, escapes texts, and is written to EVAL_PAGE for a look at it.
func TestReport(t *testing.T) {
	r, c := compared(t, testUsers(12, 6), true, method.Names()...)
	var e report.Evaluation
	r.describe(&e, c)
	e.Data, e.LeftOut = "A data set", []report.LeftOut{{Reason: "no text", Count: 3, First: "a.jsonl: line 2"}}
	var page, text bytes.Buffer
	require.NoError(t, report.EvaluationHTML(&page, e))
	require.NoError(t, e.Markdown(&text))
	for _, part := range []string{"ContextSFT", "Retrieval (BM25)", "At the same confidence",
		"What the history is worth", "<svg",
		"&lt;b&gt;&amp; more", "better →"} {
		require.Contains(t, page.String(), part)
	}
	require.NotContains(t, page.String(), "<script")
	require.NotContains(t, page.String(), "NaN")
	require.NotContains(t, page.String(), "ZgotmplZ")
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "ContextSFT") {
			require.Greater(t, strings.Count(line, "|"), 2)
		}
	}
	if name := os.Getenv("EVAL_PAGE"); name != "" {
		require.NoError(t, os.WriteFile(name, page.Bytes(), 0o644))
		require.NoError(t, os.WriteFile(name+".md", text.Bytes(), 0o644))
	}
}
