package report_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/metric"
	"nextquill/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func show(r report.Run, width int, colour report.Colour) string {
	var b bytes.Buffer
	term := report.Terminal{Out: &b, Width: width, Colour: colour}
	term.Heldout(r.Heldout)
	for _, w := range r.Written {
		term.Written(w)
	}
	term.Tokens(*r.Explained)
	return b.String()
}

func TestTerminalGolden(t *testing.T) {
	golden(t, "wide.txt", show(fixture(), 120, report.Plain))
	golden(t, "narrow.txt", show(fixture(), 50, report.Plain))
	golden(t, "palette.txt", show(fixture(), 100, report.Palette))
	golden(t, "truecolour.txt", show(fixture(), 100, report.TrueColour))
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestLinesFitTheTerminal(t *testing.T) {
	for _, width := range []int{40, 60, 80, 132, 200} {
		var b bytes.Buffer
		term := report.Terminal{Out: &b, Width: width, Colour: report.TrueColour}
		r := fixture()
		for _, w := range r.Written {
			term.Written(w)
		}
		term.Tokens(*r.Explained)
		for line := range strings.Lines(b.String()) {
			plain := escapes.ReplaceAllString(strings.TrimRight(line, "\n"), "")
			if strings.Contains(plain, "percentage points") {
				continue // the legend is one line on purpose
			}
			require.LessOrEqual(t, runewidth.StringWidth(plain), width, plain)
		}
	}
}

func TestPlainHasNoEscapes(t *testing.T) {
	require.NotContains(t, show(fixture(), 80, report.Plain), "\x1b")
}

const hostile = "</p><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{.}}&amp; \x1b[2J\x1b]0;owned\x07 " +
	"\u202egnp.exe"

func poisoned() report.Run {
	r := fixture()
	r.Writer, r.Device, r.Command = hostile, hostile, hostile
	for i := range r.Heldout.Rows {
		r.Heldout.Rows[i].Name = hostile
	}
	for i := range r.Trainings {
		r.Trainings[i].Name = hostile
	}
	fields := []api.Field{field(hostile, hostile), field(hostile, hostile)}
	for i := range r.Written {
		r.Written[i].Context, r.Written[i].Own = fields, hostile
		r.Written[i].Texts = []report.Version{{hostile, hostile}}
	}
	e := *r.Explained
	e.Context, e.Items = fields, []string{hostile}
	e.Tokens = append([]api.TokenCause{}, e.Tokens...)
	for i := range e.Tokens {
		e.Tokens[i].Text = hostile
	}
	r.Explained = &e
	r.Facts = []report.Facts{{hostile, []report.Fact{{hostile, hostile}}}}
	return r
}

func TestHTMLEscapesHostileText(t *testing.T) {
	var clean, dirty bytes.Buffer
	require.NoError(t, report.HTML(&clean, fixture()))
	require.NoError(t, report.HTML(&dirty, poisoned()))
	require.NotContains(t, dirty.String(), "<script")
	require.NotContains(t, dirty.String(), "<img")
	require.Contains(t, dirty.String(), "&lt;script&gt;alert(1)")
	// Hostile text must not add markup: the attribute names are the same with and without it.
	names := func(s string) map[string]bool {
		found := map[string]bool{}
		for _, tag := range regexp.MustCompile(`<[a-z][^<>]*>`).FindAllString(s, -1) {
			tag = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`)
			for _, m := range regexp.MustCompile(`[a-zA-Z-]+`).FindAllString(tag, -1) {
				found[m] = true
			}
		}
		return found
	}
	require.Equal(t, names(clean.String()), names(dirty.String()))
}

func TestTerminalCleansHostileText(t *testing.T) {
	got := show(poisoned(), 100, report.TrueColour)
	got = escapes.ReplaceAllString(got, "") // the report's own shades
	require.NotContains(t, got, "\x1b")
	require.NotContains(t, got, "\x07")
	require.NotContains(t, got, "\u202e")
	require.NotContains(t, show(poisoned(), 100, report.Plain), "\x1b")
}

func TestHTMLIsSelfContained(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.HTML(&b, fixture()))
	page := b.String()
	for _, no := range []string{"http:", "https:", "src=", "href=", "url(", "@import", "<script", "ZgotmplZ", "NaN",
		"Inf", "%!"} {
		require.NotContains(t, page, no)
	}
	for _, yes := range []string{"Ambrose Bierce", "4.231", "−0.476", "notoriety", "<svg", "w4", "c2",
		"LoRA, PEFT format"} {
		require.Contains(t, page, yes)
	}
	require.Less(t, len(page), 100<<10)
}

func TestHTMLOfEmptyRun(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.HTML(&b, report.Run{}))
	r := fixture()
	r.Trainings[0].Steps[3].NTP = math.NaN()
	r.Trainings[0].Steps[4].NTP = math.Inf(1)
	r.Trainings[1].Steps = r.Trainings[1].Steps[:1]
	r.Trainings[1].Evals = nil
	r.Heldout.Rows = r.Heldout.Rows[:1]
	require.NoError(t, report.HTML(&b, r))
	require.NotContains(t, b.String(), "NaN")
}

func TestSummary(t *testing.T) {
	h := fixture().Heldout
	require.Contains(t, h.Summary(), "is 1.61 times as high")
	h.Rows[3].Against = &metric.Interval{Point: -.02, Low: -.06, High: .02}
	require.Contains(t, h.Summary(), "not significant")
	h.Rows[3].Against = &metric.Interval{Point: .2, Low: .1, High: .3}
	require.Contains(t, h.Summary(), "worse than before training")
	require.NotContains(t, h.Summary(), "lowest")
	h.Rows[2].Loss.Point = 4.1
	require.Contains(t, h.Summary(), "The lowest loss is that of ContextSFT, 4.100.")
}

func TestLevel(t *testing.T) {
	for dce, want := range map[float64]int{0: 0, .009: 0, -.009: 0, .01: 1, .05: 2, -.05: -2, .15: 3, .4: 4, 1: 4,
		-1: -4} {
		require.Equal(t, want, report.Level(dce), "%g", dce)
	}
}

func TestFormats(t *testing.T) {
	require.Equal(t, "4.2 s", report.Duration(4.2))
	require.Equal(t, "48 s", report.Duration(48))
	require.Equal(t, "3 min 32 s", report.Duration(212))
	require.Equal(t, "1 h 1 min", report.Duration(3660))
	require.Equal(t, "512 B", report.Bytes(512))
	require.Equal(t, "1.5 KiB", report.Bytes(1536))
	require.Equal(t, "210 MiB", report.Bytes(210<<20))
	require.Equal(t, "−3.0 points", report.Points(-.03))
}

func TestWrap(t *testing.T) {
	require.Equal(t, []string{"one two", "three"}, report.Wrap("one  two three", 8))
	require.Equal(t, []string{"abcdef", "gh i"}, report.Wrap("abcdefgh i", 6))
	require.Equal(t, []string{"a", "", "b"}, report.Wrap("a\n\nb", 6))
	require.Equal(t, []string{"夏目", "漱石"}, report.Wrap("夏目漱石", 5))
	require.Equal(t, []string{"夏目漱石"}, report.Wrap("夏目漱石", 1))
	require.Equal(t, []string{""}, report.Wrap("", 0))
}
