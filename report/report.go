// Package report shows the results of a run: as one self-contained HTML page, and as text for a
// terminal.
//
// Both forms show a Run. Its texts come from a model or from a user's files and are treated as
// hostile: the page escapes them (html/template), and the terminal form removes their control
// characters (Clean).
package report

import (
	"math"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/metric"
)

// Run is the content of a report. Empty parts are omitted.
type Run struct {
	Writer    string    // name of the writer: "Ambrose Bierce"
	When      time.Time // when the run ended
	Seconds   float64   // wall time of the complete job
	Device    string    // name of the GPU device
	Command   string    // the command that reproduces this report
	Heldout   Heldout
	Trainings []Training
	Explained *api.ExplainResult
	Delta     float64 // δ: tokens with a larger DCE count as preference-driven
	Written   []Written
	Facts     []Facts
}

// Heldout compares models on texts that none of them was trained on.
type Heldout struct {
	Texts    int
	Rows     []Row
	Baseline int // index of the row that Against refers to
	Ours     int // index of the row that the summary describes
}

// Row is one model's held-out loss in nats per response token.
type Row struct {
	Name    string
	Tokens  int
	Loss    metric.Interval
	Against *metric.Interval // difference to the baseline; nil in the baseline's own row
}

// Training is one fine-tuning run.
type Training struct {
	Name    string // "NextQuill"
	Preset  string
	Options causal.Options
	Start   float64 // held-out loss before the first step, nats per token; 0 if not measured
	Steps   []api.StepEvent
	Evals   []api.EvalEvent
	Result  api.PersonalizeResult
}

// Written is one context with the texts that several models generated for it.
type Written struct {
	Context []api.Field
	Texts   []Version
	Own     string // the writer's own text; "" if unknown
}

// Version is one model's text.
type Version struct {
	Name string
	Text string
}

// Facts is a titled list of parameters.
type Facts struct {
	Title string
	Items []Fact
}

// Fact is one parameter in display form.
type Fact struct {
	Name  string
	Value string
}

// Level returns the shade of a token's data-side causal effect (DCE, a difference of
// probabilities), by causal.ShadeLevels: 0 for none, 1 to 4 if the history made the token more
// likely, −1 to −4 if it made the token less likely.
func Level(dce float64) int {
	level := 0
	for i, at := range causal.ShadeLevels() {
		if math.Abs(dce) >= at {
			level = i + 1
		}
	}
	if dce < 0 {
		return -level
	}
	return level
}
