package report_test

import (
	"math"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/metric"
	"nextquill/report"
)

func field(name, value string) api.Field { return api.Field{Name: name, Value: value} }

// training returns a run whose losses fall smoothly, with some noise.
func training(name, preset string, from, to float64) report.Training {
	options, err := causal.Preset(preset)
	if err != nil {
		panic(err)
	}
	t := report.Training{Name: name, Preset: preset, Options: options, Start: from}
	const steps = 60
	for i := range steps {
		x := float64(i) / (steps - 1)
		fall := to + (from-to)*math.Exp(-3*x)
		t.Steps = append(t.Steps, api.StepEvent{
			Event: "step", Step: i + 1, Steps: steps, Epoch: 3 * x,
			Loss: fall, NTP: fall + .12*math.Sin(7*float64(i)), Align: .6*fall + .1*math.Cos(5*float64(i)),
			Causal: .1 + .1*x + .02*math.Sin(3*float64(i)), LR: 1e-3 * (1 - x), GradNorm: 1, TokensPS: 2400,
		})
		if (i+1)%20 == 0 {
			t.Evals = append(t.Evals, api.EvalEvent{Event: "eval", Step: i + 1, Loss: fall + .05, Best: true})
		}
	}
	t.Result = api.PersonalizeResult{Steps: steps, Tokens: 61234, Seconds: 48, Loss: to, Heldout: to + .05,
		Stopped: "done", PeakBytes: 210 << 20}
	return t
}

func row(name string, loss, half, diff, diffHalf float64) report.Row {
	r := report.Row{Name: name, Tokens: 2412, Loss: metric.Interval{Point: loss, Low: loss - half, High: loss + half}}
	if diffHalf > 0 {
		r.Against = &metric.Interval{Point: diff, Low: diff - diffHalf, High: diff + diffHalf}
	}
	return r
}

func explained() *api.ExplainResult {
	tokens := []api.TokenCause{}
	add := func(text string, with, without float64) {
		tokens = append(tokens, api.TokenCause{
			Text: text, LogpWith: math.Log(with), LogpWithout: math.Log(without), DCE: with - without,
			Influence: []float64{.1, -.02, with - without},
		})
	}
	add("The", .62, .11)
	add(" fame", .012, .013)
	add(" of", .71, .64)
	add(" one", .22, .03)
	add("'s", .91, .93)
	add(" compet", .004, .003)
	add("itor", .83, .83)
	add(" for", .2, .26)
	add(" public", .05, .051)
	add(" honors", .02, .04)
	add(".", .44, .98)
	add(" The", .31, .04)
	add(" kind", .06, .004)
	add(" of", .95, .96)
	add(" renown", .18, .001)
	add(" most", .11, .008)
	add(" accessible", .002, .001)
	add(" and", .68, .2)
	add(" acceptable", .02, .01)
	add(" to", .88, .7)
	add(" mediocrity", .006, .001)
	add(".", .77, .81)
	add("", .52, .08)
	return &api.ExplainResult{
		Context: []api.Field{field("word", "notoriety"), field("part", "noun"),
			field("meaning", "the state of being known for some unfavorable act or quality")},
		Text: "The fame of one's competitor for public honors. The kind of renown most accessible and " +
			"acceptable to mediocrity.",
		Tokens: tokens,
		Items: []string{
			"To show that bereavement is a smaller evil than sympathy.",
			"An approved remedy for the disease of garrulity. It is also much used in cases of extreme poverty.",
			"A writer who guesses his way to the truth and dispels it with a tempest of words.",
		},
	}
}

func fixture() report.Run {
	return report.Run{
		Writer: "Ambrose Bierce", When: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC), Seconds: 212,
		Device: "llvmpipe (LLVM 15.0.6, 256 bits)", Command: "nextquill run --out out",
		Heldout: report.Heldout{Texts: 60, Baseline: 1, Ours: 3, Rows: []report.Row{
			row("Base, no history", 4.812, .098, .105, .024), row("Base with history", 4.707, .096, 0, 0),
			row("ContextSFT", 4.305, .102, -.402, .051), row("NextQuill", 4.231, .101, -.476, .055),
		}},
		Trainings: []report.Training{training("ContextSFT", "contextsft", 4.707, 4.25),
			training("NextQuill", "nextquill", 4.707, 4.18)},
		Explained: explained(), Delta: .05,
		Written: []report.Written{
			{
				Context: []api.Field{field("word", "ambition"), field("part", "noun"),
					field("meaning", "a cherished desire")},
				Texts: []report.Version{
					{"Base with history",
						"a strong desire to do something that is not known to be good or useful to a person"},
					{"NextQuill",
						"An overmastering desire to be vilified by enemies while living and made ridiculous by " +
							"friends when dead."},
				},
				Own: "An overmastering desire to be vilified by enemies while living and made ridiculous by " +
					"friends when dead.",
			},
			{
				Context: []api.Field{field("word", "patience"), field("part", "noun")},
				Texts: []report.Version{
					{"Base with history", "the quality of being patient"},
					{"NextQuill", "A minor form of despair, disguised as a virtue."},
				},
			},
		},
		Facts: []report.Facts{
			{"Learning", []report.Fact{{"Texts learnt from", "160"}, {"Epochs", "3"}, {"Batch", "8 texts"},
				{"Learning rate", "0.001, cosine"}}},
			{"Adapter", []report.Fact{{"Kind", "LoRA, PEFT format"}, {"Rank, alpha", "8, 16"}, {"Layers", "all linear"},
				{"Size", "1.2 MiB"}}},
			{"Machine", []report.Fact{{"Device", "llvmpipe"}, {"Engine", "wazero"},
				{"GPU memory, at most", "210 MiB"}}},
		},
	}
}
