package report_test

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/metric"
	"nextquill/report"
)

func interval(point, half float64) *metric.Interval {
	return &metric.Interval{Point: point, Low: point - half, High: point + half}
}

func evaluation() report.Evaluation {
	loss := report.Measure{Name: "loss", Digits: 3, Better: -1}
	rouge := report.Measure{Name: "ROUGE-L", Digits: 3, Better: 1}
	unknown := &metric.Interval{Point: .5, Low: math.Inf(-1), High: math.Inf(1)}
	return report.Evaluation{
		Data: "a | <b>.jsonl", When: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC), Seconds: 4000, Device: "llvmpipe",
		Model: "the embedded model", Command: "nextquill eval --out out",
		Findings: []string{"Quill has a lower loss than ContextSFT."}, Scope: "20 users, 200 texts",
		Tables: []report.Comparison{
			{Title: "Held-out loss", Note: "In nats per token.", Columns: []report.Measure{loss, rouge},
				Rows: []report.Compared{
					{Name: "Base", Cells: []report.Measured{{Value: interval(4.2, .1), Against: interval(.3, .05)},
						{Value: unknown}}},
					{Name: "ContextSFT", Note: "pooled", Kind: report.BaselineRow,
						Cells: []report.Measured{{Value: interval(3.9, .1)}, {Value: interval(.12, .01)}}},
					{Name: "Quill\x1b[2J", Kind: report.DefaultRow,
						Cells: []report.Measured{{Value: interval(3.85, .1), Against: interval(-.05, .02)},
							{Value: interval(.125, .01), Against: interval(.005, .01)}}},
				}},
			{Title: "At the same confidence", Columns: []report.Measure{{Name: "T"}, loss},
				Rows: []report.Compared{{Name: "Base", Cells: []report.Measured{{Text: "0.9"},
					{Against: interval(.3, .05)}}}}},
		},
		Plots: []report.Differences{{Title: "Loss", Measure: loss, Rows: []report.Difference{
			{Name: "Base", Against: *interval(.3, .05)}, {Name: "Quill, trained on many users first",
				Against: *interval(-.05, .02)}, {Name: "Broken", Against: *unknown}}}},
		Quality: []report.Priced{{Name: "Base", Seconds: 2, Loss: 4.2},
			{Name: "ContextSFT", Kind: report.BaselineRow, Seconds: 40, Loss: 3.9},
			{Name: "Nothing", Seconds: 0, Loss: 4}},
		Written: []report.Written{{Context: []api.Field{field("word", "<i>patience</i>")},
			Own:   "A minor form of despair.",
			Texts: []report.Version{{Name: "Quill", Text: "A virtue."}}}},
		LeftOut: []report.LeftOut{{Reason: "no text", Count: 1200, First: "a.jsonl: line 7"},
			{Reason: "a context field was shortened", Count: 3, First: "a.jsonl: line 9", Change: true}},
		Facts: []report.Facts{{Title: "Texts", Items: []report.Fact{{Name: "Writers", Value: "20"}}}},
	}
}

func TestEvaluationGolden(t *testing.T) {
	var markdown, text bytes.Buffer
	require.NoError(t, evaluation().Markdown(&markdown))
	golden(t, "evaluation.md", markdown.String())
	report.Terminal{Out: &text, Width: 60, Colour: report.Plain}.Evaluation(evaluation())
	golden(t, "evaluation.txt", text.String())
	for line := range strings.Lines(text.String()) {
		require.LessOrEqual(t, runewidth.StringWidth(strings.TrimSuffix(line, "\n")), 60, line)
	}
}

func TestEvaluationPage(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.EvaluationHTML(&b, evaluation()))
	page := b.String()
	for _, part := range []string{"&lt;b&gt;", "&lt;i&gt;patience", "1 h 6 min", `class="worse"`, `class="better"`,
		"← better", "A minor form of despair.", "1,200", "shortened (used)",
		"Quill, trained on man…"} {
		require.Contains(t, page, part)
	}
	for _, part := range []string{"<script", "<img", "<link", "http://", "https://", "NaN", "Inf", "ZgotmplZ", "<i>p"} {
		require.NotContains(t, page, part)
	}
	// Every coordinate of the plots is a number within the drawing.
	for _, m := range regexp.MustCompile(` (?:x|y|x1|x2|y1|y2|cx|cy)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Regexp(t, `^\d+(\.\d+)?$`, m[1])
	}
	require.NotContains(t, page, "Nothing</li>")
}

func TestEmptyEvaluation(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.EvaluationHTML(&b, report.Evaluation{}))
	require.NoError(t, report.Evaluation{}.Markdown(&b))
	report.Terminal{Out: &b, Width: 40}.Evaluation(report.Evaluation{})
}
