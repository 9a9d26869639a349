package ui

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/report"
)

func raw(t *testing.T, v any) json.RawMessage {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func step(i int) api.StepEvent {
	return api.StepEvent{Event: "step", Step: i, Steps: 120, Loss: 3.2144, NTP: 3.1, Align: 1.144, Causal: .123,
		TokensPS: 2412.4, Remaining: 72}
}

func TestStatusDropsTheLeastImportantFirst(t *testing.T) {
	v := view{now: time.Now}
	v.update("step", raw(t, step(34)))
	require.Equal(t, "train  34/120  loss 3.214  L_n 3.100  L_p 1.144  above δ 12 %  2412 tok/s  1:12 left",
		v.status(200))
	require.Equal(t, "train  34/120  loss 3.214  2412 tok/s  1:12 left", v.status(50))
	require.Equal(t, "34/120  1:12 left", v.status(18))
	require.Equal(t, "34/120", v.status(1))
	for width := 10; width < 120; width++ {
		require.LessOrEqual(t, runewidth.StringWidth(v.status(width)), width)
	}
}

func TestTimeLeftOfAStage(t *testing.T) {
	now := time.Unix(0, 0)
	v := view{now: func() time.Time { return now }}
	require.True(t, v.update("stage", raw(t, api.StageEvent{Event: "stage", Stage: "evaluate", Total: 60})))
	require.Negative(t, v.left())
	now = now.Add(20 * time.Second)
	require.False(t, v.update("stage", raw(t, api.StageEvent{Event: "stage", Stage: "evaluate", Done: 20, Total: 60})))
	require.InDelta(t, 40, v.left(), 1e-9)
	require.Equal(t, "evaluate  20/60  0:40 left", v.status(80))
	require.False(t, v.update("progress",
		raw(t, api.ProgressEvent{Event: "progress", Stage: "evaluate", Done: 20.25, Total: 60})))
	require.Equal(t, "evaluate  20/60 + 25 %  0:40 left", v.status(80))
}

func TestCompilingInWords(t *testing.T) {
	v := view{now: time.Now}
	require.True(t, v.update("progress",
		raw(t, api.ProgressEvent{Event: "progress", Stage: api.StageCompile, Done: 3, Total: 60})))
	require.Equal(t, "preparing the GPU  3/60", v.status(80))
}

// The speed of a resumed download only counts the bytes since the resume.
func TestSpeedOfAResumedDownload(t *testing.T) {
	now := time.Unix(0, 0)
	v := view{now: func() time.Time { return now }}
	require.True(t, v.update("bytes", raw(t, BytesEvent{Event: "bytes", Stage: "fetch", Done: 40 << 20,
		Total: 100 << 20})))
	require.Equal(t, "fetch  40.0 MiB of 100 MiB", v.status(80))
	now = now.Add(4 * time.Second)
	require.False(t, v.update("bytes", raw(t,
		BytesEvent{Event: "bytes", Stage: "fetch", Done: 60 << 20, Total: 100 << 20})))
	require.Equal(t, "fetch  60.0 MiB of 100 MiB  5.0 MiB/s  0:08 left", v.status(80))
	require.True(t, v.update("stage", raw(t, api.StageEvent{Event: "stage", Stage: "load", Total: 3})))
	require.Equal(t, "load  0/3", v.status(80))
}

func TestOverallProgress(t *testing.T) {
	v := view{now: time.Now}
	v.update("stage", raw(t, api.StageEvent{Event: "stage", Stage: "train", Done: 3, Total: 20}))
	v.update("overall", raw(t, OverallEvent{Event: "overall", Done: 7, Total: 60, Left: 5025}))
	require.Equal(t, "train  3/20  7 of 60 done  1:23:45 left", v.status(80))
	require.Equal(t, "3/20  7 of 60 done", v.status(20))
	v.update("overall", raw(t, OverallEvent{Event: "overall", Done: 7, Total: 60, Left: -1}))
	require.Equal(t, "train  3/20  7 of 60 done", v.status(80))
}

func TestMalformedEventsAreIgnored(t *testing.T) {
	v := view{now: time.Now}
	for _, name := range []string{"stage", "progress", "step", "eval", "checkpoint", "bytes", "overall", "?"} {
		v.update(name, json.RawMessage(`[`))
	}
	require.Empty(t, v.status(10))
}

func TestLinesAreThrottled(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	l := &lines{w: &b, now: func() time.Time { return now }, every: 10 * time.Second}
	l.Begin("ContextSFT")
	for i := range 120 {
		now = now.Add(time.Second / 4)
		l.Event("step", raw(t, step(i+1)))
	}
	l.Event("eval", raw(t, api.EvalEvent{Event: "eval", Step: 120, Loss: 4.31}))
	l.End("done", false)
	out := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, out, 6) // label, first step, two reports, evaluation, end
	require.Contains(t, out[4], "held-out 4.310")
	require.Equal(t, "  ✓ ContextSFT                  done  0:30", out[5])
}

func TestBarsLeaveOneLine(t *testing.T) {
	var b bytes.Buffer
	p := Bars(&b, 100)
	for _, failed := range []bool{false, true} {
		p.Begin("ContextSFT")
		p.Event("stage", raw(t, api.StageEvent{Event: "stage", Stage: "load", Done: 3, Total: 3}))
		for i := range 120 {
			p.Event("step", raw(t, step(i+1)))
		}
		p.Note("a note above the bar")
		p.End("held-out 4.310", failed)
	}
	p.Note("a note after all")
	require.Contains(t, b.String(), "  a note above the bar\n")
	require.Contains(t, b.String(), "  ✓ ContextSFT                  held-out 4.310  0:00\n")
	require.True(t, strings.HasSuffix(b.String(),
		"  ✗ ContextSFT                  held-out 4.310  0:00\n  a note after all\n"))
}

func TestJSONLines(t *testing.T) {
	var b bytes.Buffer
	p := JSON(&b)
	p.Begin("a")
	p.Event("x", json.RawMessage(`{"event":"x"}`))
	p.End("s", false)
	require.Equal(t, `{"event":"begin","label":"a"}
{"event":"x"}
{"event":"end","failed":false,"label":"a","summary":"s"}
`, b.String())
}

func TestColour(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	require.Equal(t, report.Plain, colour(env()))
	require.Equal(t, report.Plain, colour(env("TERM", "xterm-256color", "NO_COLOR", "1")))
	require.Equal(t, report.Plain, colour(env("TERM", "dumb")))
	require.Equal(t, report.Plain, colour(env("TERM", "linux")))
	require.Equal(t, report.Palette, colour(env("TERM", "tmux-256color")))
	require.Equal(t, report.Palette, colour(env("TERM", "xterm")))
	require.Equal(t, report.TrueColour, colour(env("TERM", "xterm-256color", "COLORTERM", "truecolor")))
	_, tty := Terminal(&bytes.Buffer{}, env())
	require.False(t, tty)
}
