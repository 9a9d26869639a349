// Package report shows what a run found: as one self-contained HTML page, and as text for a terminal.
//
// Both forms draw from a Run. Texts in it come from a model or from a person's files and are treated as hostile: the page
// escapes them (html/template), the terminal form takes their control characters away (Clean).
package report

import (
	"math"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/metric"
)

// Run is what a report shows. Parts that are empty are left out.
type Run struct {
	Writer    string    // whose texts they are: "Ambrose Bierce"
	When      time.Time // when the run ended
	Seconds   float64   // wall time of the whole job
	Device    string    // the adapter's name
	Command   string    // the command that makes this report again
	Heldout   Heldout
	Trainings []Training
	Explained *api.ExplainResult
	Delta     float64 // δ: the effect above which a token counts as the writer's
	Written   []Written
	Facts     []Facts
}

// Heldout compares models on texts that none of them has seen.
type Heldout struct {
	Texts    int
	Rows     []Row
	Baseline int // index of the row that Against refers to
	Ours     int // index of the row that the summary speaks of
}

// Row is one model's held-out loss, nats per response token.
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
	Start   float64 // held-out loss before the first step, nats per token; 0 when it was not measured
	Steps   []api.StepEvent
	Evals   []api.EvalEvent
	Result  api.PersonalizeResult
}

// Written is one context, written by several models.
type Written struct {
	Context []api.Field
	Texts   []Version
	Own     string // what the writer wrote; "" when unknown
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

// Fact is one parameter, as shown.
type Fact struct {
	Name  string
	Value string
}

// Level returns the shade of a token's data-side causal effect (DCE, a difference of
// probabilities): 0 for none, 1 to 4 if the history made the token more likely, −1 to −4 if it made
// the token less likely.
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
