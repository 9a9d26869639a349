package eval

import (
	"fmt"
	"strings"

	"nextquill/core/method"
	"nextquill/core/metric"
	"nextquill/report"
)

// measures are the names and the digits of the figures.
var measures = [figures]report.Measure{
	Loss:           {Name: "loss", Digits: 3, Better: -1},
	PreferenceLoss: {Name: "preference tokens", Digits: 3, Better: -1},
	FittedLoss:     {Name: "loss, fitted T", Digits: 3, Better: -1},
	FittedPrefLoss: {Name: "preference tokens, fitted T", Digits: 3, Better: -1},
	Probability:    {Name: "mean probability", Digits: 3},
	Accuracy:       {Name: "accuracy", Digits: 3, Better: 1},
	HistoryGain:    {Name: "gain from history", Digits: 3, Better: 1},
	Rouge1:         {Name: "ROUGE-1", Digits: 3, Better: 1},
	Rouge2:         {Name: "ROUGE-2", Digits: 3, Better: 1},
	RougeL:         {Name: "ROUGE-L", Digits: 3, Better: 1},
	Bleu:           {Name: "BLEU", Digits: 2, Better: 1},
	Meteor:         {Name: "METEOR", Digits: 3, Better: 1},
	HiddenMatch:    {Name: "hidden match", Digits: 3, Better: 1},
	LengthRatio:    {Name: "length ratio", Digits: 2},
	StopRate:       {Name: "stop rate", Digits: 2, Better: 1},
	Author:         {Name: "author found", Digits: 2, Better: 1},
}

// Describe fills in the findings, tables, plots and drafts of a report of what is finished.
func (r *Runner) Describe(e *report.Evaluation) { r.describe(e, r.Compare()) }

func (r *Runner) describe(e *report.Evaluation, c Comparison) {
	e.Findings, e.Scope = c.findings(), c.scope()
	e.Tables, e.Plots, e.Quality = nil, nil, nil
	own, controls := c.parts()
	base := c.baseTitle()
	e.Tables = append(e.Tables, c.table("Held-out loss",
		"Loss on the writers’ own test texts in nats per token; lower is better. Preference tokens are those that "+
			"the base "+
			"model finds more likely with the history by more than δ; they are the same for every method. Fitted T: "+
			"at the "+
			"temperature that the user’s validation texts prefer."+differencesNote(base), c.Rows,
		Loss, PreferenceLoss, FittedLoss, FittedPrefLoss, Probability, Accuracy))
	if t, ok := c.matched(own); ok {
		e.Tables = append(e.Tables, t)
	}
	if c.any(own, RougeL) {
		e.Tables = append(e.Tables, c.table("Drafts",
			"Drafts compared with the writer’s own text for the same request. ROUGE, METEOR: 0 to 1; BLEU: of the "+
				"corpus, 0 to "+
				"100. The length ratio is the words of the drafts by those of the writer’s texts; the stop rate is "+
				"the share of "+
				"drafts that the model ended itself. METEOR is without synonyms. Hidden match is BERTScore’s "+
				"matching of tokens on the hidden states "+
				"of the model in use; it is not BERTScore, and only values of one model can be "+
				"compared."+differencesNote(base), own,
			Rouge1, Rouge2, RougeL, Bleu, Meteor, HiddenMatch, LengthRatio, StopRate))
	}
	if c.any(own, Author) {
		e.Tables = append(e.Tables, c.table("Author identification",
			fmt.Sprintf("The share of test texts to which the adapter of their author gives the lowest loss, among "+
				"the adapters "+
				"of %d users.", min(r.Identify, len(r.Users)))+differencesNote(base), having(own, Author), Author))
	}
	if c.any(own, HistoryGain) || len(controls) > 0 {
		e.Tables = append(e.Tables, c.history(own, controls))
	}
	e.Tables = append(e.Tables, c.cost(own))
	for _, f := range []Figure{Loss, PreferenceLoss, RougeL, Meteor, Author} {
		if d, ok := c.plot(own, f); ok {
			e.Plots = append(e.Plots, d)
		}
	}
	for _, row := range own {
		if v := row.Values[Loss]; v != nil {
			e.Quality = append(e.Quality, report.Priced{Name: row.title(), Kind: c.kind(row),
				Seconds: row.Cost.Seconds + row.Cost.Shared/float64(max(1, row.Users)), Loss: v.Point})
		}
	}
	e.Written = r.written()
}

// differencesNote explains the differences in a table.
func differencesNote(base string) string {
	if base == "" {
		return ""
	}
	return " Below each value: its 95 % interval, then the paired difference to " + base +
		" with its interval; ▲ and ▼ mark differences whose interval excludes 0."
}

// parts separates the rows with another user's history.
func (c Comparison) parts() (own, controls []Row) {
	for _, row := range c.Rows {
		if row.Control == "" {
			own = append(own, row)
		} else {
			controls = append(controls, row)
		}
	}
	return own, controls
}

// title is the name of a row in one cell.
func (r Row) title() string {
	t := r.Title
	if r.Regime != method.Personal {
		t += ", " + string(r.Regime)
	}
	if r.Control != "" {
		t += ", another writer’s history"
	}
	return t
}

// note is what a table says of a row besides the name of its method.
func (r Row) note() string {
	var notes []string
	if r.Regime != method.Personal {
		notes = append(notes, string(r.Regime))
	}
	if r.Control != "" {
		notes = append(notes, "another writer’s history")
	}
	return strings.Join(notes, ", ")
}

func (c Comparison) baseTitle() string {
	if c.Baseline < 0 {
		return ""
	}
	return c.Rows[c.Baseline].title()
}

func (c Comparison) kind(r Row) report.RowKind {
	switch {
	case r.Name == Baseline && c.Baseline >= 0 && c.Rows[c.Baseline].Regime == r.Regime && r.Control == "":
		return report.BaselineRow
	case r.Name == method.Default && r.Control == "":
		return report.DefaultRow
	}
	return report.OrdinaryRow
}

func (c Comparison) any(rows []Row, f Figure) bool { return len(having(rows, f)) > 0 }

// having are the rows that have a figure.
func having(rows []Row, f Figure) []Row {
	var out []Row
	for _, row := range rows {
		if row.Values[f] != nil {
			out = append(out, row)
		}
	}
	return out
}

func (c Comparison) table(title, note string, rows []Row, which ...Figure) report.Comparison {
	t := report.Comparison{Title: title, Note: note}
	for _, f := range which {
		t.Columns = append(t.Columns, measures[f])
	}
	for _, row := range rows {
		out := report.Compared{Name: row.Title, Note: row.note(), Kind: c.kind(row)}
		for _, f := range which {
			out.Cells = append(out.Cells, report.Measured{Value: row.Values[f], Against: row.Against[f]})
		}
		t.Rows = append(t.Rows, out)
	}
	return t
}

// matched is the control for sharpening.
func (c Comparison) matched(rows []Row) (report.Comparison, bool) {
	base := c.baseTitle()
	t := report.Comparison{Title: "At the same confidence",
		Note: fmt.Sprintf("%s at the temperature at which it gives the writer’s tokens the same mean probability as "+
			"the method "+
			"does, and the difference of the method to it. A gain on %s that vanishes here comes from sharpening "+
			"alone. The "+
			"intervals take the temperature as given.", base, base),
		Columns: []report.Measure{{Name: "T of " + base, Digits: 3}, {Name: base + " there", Digits: 3},
			{Name: "difference of loss", Digits: 3}, {Name: base + " there, preference tokens", Digits: 3},
			{Name: "difference on preference tokens", Digits: 3}}}
	point := func(v float64) report.Measured {
		return report.Measured{Text: fmt.Sprintf("%.3f", v)}
	}
	diff := func(i *metric.Interval) report.Measured {
		if i == nil {
			return report.Measured{Text: "–"}
		}
		return report.Measured{Against: i}
	}
	t.Columns[2].Better, t.Columns[4].Better = -1, -1
	any := false
	for _, row := range rows {
		out := report.Compared{Name: row.Title, Note: row.note(), Kind: c.kind(row)}
		switch m := row.Same; {
		case out.Kind == report.BaselineRow:
			continue
		case m == nil:
			none := report.Measured{Text: "–"}
			out.Cells = []report.Measured{none, none, none, none, none}
		default:
			any = true
			out.Cells = []report.Measured{point(m.Temperature), point(m.Loss), diff(m.Against), point(m.PreferenceLoss),
				diff(m.AgainstPreference)}
		}
		t.Rows = append(t.Rows, out)
	}
	return t, any
}

// history compares what the user's own history and another user's are worth.
func (c Comparison) history(own, controls []Row) report.Comparison {
	t := report.Comparison{Title: "What the history is worth",
		Note: "The loss with the history in the prompt erased, minus the loss with it, in nats per token of the " +
			"same model; for a method with a datastore, also without the datastore. The adapter is the writer’s in " +
			"both. Due to the writer: the loss with another writer’s history (and datastore) minus the loss with " +
			"the own, paired; where its interval has 0, the history helps by the kind of text and not by the " +
			"writer. Steering is the strength s of z⁰ + s·(zʰ − z⁰) and T the temperature " +
			"with the lowest loss on validation texts; λ is the share of the datastore (means over users).",
		Columns: []report.Measure{{Name: "own history", Digits: 3}, {Name: "another writer’s", Digits: 3},
			{Name: "due to the writer", Digits: 3, Better: 1}, {Name: "steering", Digits: 2},
			{Name: "T", Digits: 2}, {Name: "λ", Digits: 3}}}
	for _, row := range own {
		if row.NoHistory {
			continue
		}
		var gain *metric.Interval
		due := report.Measured{Text: "–"}
		for _, other := range controls {
			if other.Name == row.Name && other.Regime == row.Regime {
				gain = other.Values[HistoryGain]
				if other.Foreign != nil {
					due = report.Measured{Against: other.Foreign}
				}
			}
		}
		t.Rows = append(t.Rows, report.Compared{Name: row.Title, Note: row.note(), Kind: c.kind(row),
			Cells: []report.Measured{{Value: row.Values[HistoryGain]}, {Value: gain}, due,
				{Text: fmt.Sprintf("%.2f", row.Steering)}, {Text: fmt.Sprintf("%.2f", row.Temperature)},
				{Text: fmt.Sprintf("%.3f", row.Share)}}})
	}
	return t
}

// cost puts the cost beside the quality.
func (c Comparison) cost(rows []Row) report.Comparison {
	t := report.Comparison{Title: "Cost", Note: "Per user: mean time of the complete cell and of its training, " +
		"tokens trained on, and " +
		"the largest use of GPU memory. Shared: training on other users, once.",
		Columns: []report.Measure{measures[Loss], {Name: "time"}, {Name: "training"}, {Name: "steps"}, {Name: "tokens"},
			{Name: "memory"}, {Name: "shared"}, {Name: "texts"}}}
	for _, row := range rows {
		text := func(s string) report.Measured { return report.Measured{Text: s} }
		none := func(ok bool, s string) report.Measured {
			if !ok {
				s = "–"
			}
			return text(s)
		}
		texts := fmt.Sprint(row.Texts)
		if row.Skipped > 0 {
			texts += fmt.Sprintf(" (%d too long)", row.Skipped)
		}
		k := row.Cost
		t.Rows = append(t.Rows, report.Compared{Name: row.Title, Note: row.note(), Kind: c.kind(row),
			Cells: []report.Measured{{Value: row.Values[Loss]}, text(report.Duration(k.Seconds)),
				none(k.TrainSeconds > 0, report.Duration(k.TrainSeconds)), none(k.Steps > 0, fmt.Sprintf("%.0f",
					k.Steps)),
				none(k.Trained > 0, fmt.Sprintf("%.0f", k.Trained)), none(k.PeakBytes > 0, report.Bytes(k.PeakBytes)),
				none(k.Shared > 0, report.Duration(k.Shared)), text(texts)}})
	}
	return t
}

func (c Comparison) plot(rows []Row, f Figure) (report.Differences, bool) {
	m := measures[f]
	d := report.Differences{Title: strings.ToUpper(m.Name[:1]) + m.Name[1:], Note: "difference to " + c.baseTitle(),
		Measure: m}
	if f == Loss || f == PreferenceLoss {
		d.Note += ", nats per token"
	}
	for _, row := range rows {
		if a := row.Against[f]; a != nil {
			d.Rows = append(d.Rows, report.Difference{Name: row.title(), Against: *a})
		}
	}
	return d, len(d.Rows) > 0
}

// scope says what the figures are about.
func (c Comparison) scope() string {
	texts, users := 0, 0
	for _, row := range c.Rows {
		texts, users = max(texts, row.Texts), max(users, row.Users)
	}
	unit := "texts"
	if c.ByUser {
		unit = "users"
	}
	s := fmt.Sprintf("%s, %s, %d tokens, %d of them preference tokens; the intervals resample %d %s",
		plural(users, "user"), plural(texts, "test text"), c.Tokens, c.Pref, c.Units, unit)
	switch {
	case c.Units < 2*fewUnits:
		s += ", which is too few: they are narrower than they should be"
	case !c.ByUser:
		s += ", so they hold for these users, not for others"
	}
	if c.Missing > 0 {
		s += fmt.Sprintf("; %s not finished", plural(c.Missing, "cell"))
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// drafts in the report: so many texts, of different users where there are several.
const writtenTexts = 6

// written collects drafts beside the writers' own texts.
func (r *Runner) written() []report.Written {
	var out []report.Written
	for round := 0; len(out) < writtenTexts && round < writtenTexts; round++ {
		for _, u := range r.Users {
			if w, ok := r.draftsOf(u, round); ok && len(out) < writtenTexts {
				out = append(out, w)
			}
		}
	}
	return out
}

// draftsOf has the drafts of all entries for a test text of a user.
func (r *Runner) draftsOf(u method.User, index int) (w report.Written, ok bool) {
	if index >= len(u.Test) {
		return w, false
	}
	w.Context, w.Own = fields(u.Test[index].Context), u.Test[index].Text
	for _, e := range r.Entries {
		l, done := r.Results.cells[ID{e.Name, e.Regime, e.Control, u.ID}]
		if !done || e.Control != "" {
			continue
		}
		for _, d := range l.Cell.Drafts {
			if d.Index == index {
				w.Texts = append(w.Texts, report.Version{Name: Row{Entry: e}.title(), Text: strings.TrimSpace(d.Text)})
			}
		}
	}
	return w, len(w.Texts) > 0
}
