package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"nextquill/report"
)

// Progress shows the calls of a command, one after the other.
type Progress interface {
	// Begin opens a call; label is a few words.
	Begin(label string)
	// Event takes one of the call's events in.
	Event(name string, raw json.RawMessage)
	// End closes the call. summary says what it came to; with failed it says what it was stopped by, or is "".
	End(summary string, failed bool)
	// Note says something in between. Unlike the others it may be called from any goroutine.
	Note(text string)
}

// labelWidth is the column that labels are padded to.
const labelWidth = 26

// column is a label at its width, cut where it is longer: it may hold a word of the user's.
func column(label string) string {
	return runewidth.FillRight(runewidth.Truncate(report.Clean(label), labelWidth, "…"), labelWidth)
}

func mark(failed bool) string {
	if failed {
		return "✗"
	}
	return "✓"
}

func summaryLine(label, summary string, took time.Duration, failed bool) string {
	return fmt.Sprintf("  %s %s  %s  %s\n", mark(failed), column(label), summary, clock(took.Seconds()))
}

// Bars draws a bar on the terminal w, width columns wide; each call leaves one line behind.
func Bars(w io.Writer, width int) Progress {
	return &bars{w: w, width: width, view: view{now: time.Now}}
}

type bars struct {
	w     io.Writer
	width int
	label string
	began time.Time

	bar *mpb.Bar

	mu       sync.Mutex // the bar is drawn by a goroutine of its own
	view     view
	progress *mpb.Progress // nil between calls
}

const barWidth = 20

func (b *bars) Begin(label string) {
	b.label, b.began = label, time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.view = view{now: time.Now, stage: "…", since: b.began}
	b.progress = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	room := b.width - 4 - labelWidth - 1 - barWidth - 4
	b.bar = b.progress.New(0, mpb.BarStyle().Lbound("").Filler("━").Tip("╸").Padding("─").Rbound(""),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("    "+column(label))),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.view.status(room)
		})))
}

func (b *bars) Event(name string, raw json.RawMessage) {
	if b.bar == nil {
		return
	}
	b.mu.Lock()
	b.view.update(name, raw)
	done, total := b.view.done, b.view.total
	b.mu.Unlock()
	// One more than there is to do: a bar that is complete takes no more events, and stages follow each other.
	b.bar.SetTotal(int64(total)+1, false)
	b.bar.SetCurrent(int64(done))
}

func (b *bars) End(summary string, failed bool) {
	if b.bar == nil {
		return
	}
	b.mu.Lock()
	progress := b.progress
	b.progress = nil
	b.mu.Unlock()
	b.bar.Abort(true)
	progress.Wait()
	b.bar = nil
	fmt.Fprint(b.w, summaryLine(b.label, summary, time.Since(b.began), failed))
}

func (b *bars) Note(text string) {
	b.mu.Lock()
	progress := b.progress
	b.mu.Unlock()
	var w io.Writer = b.w
	if progress != nil {
		w = progress // prints above the bar
	}
	fmt.Fprintf(w, "  %s\n", text)
}

// Lines writes to a log: a line when a stage begins, one every few seconds of training, one at the end.
func Lines(w io.Writer) Progress { return &lines{w: w, now: time.Now, every: 10 * time.Second} }

type lines struct {
	w     io.Writer
	now   func() time.Time
	every time.Duration
	label string
	began time.Time
	last  time.Time
	view  view
}

func (l *lines) Begin(label string) {
	l.label, l.began, l.last = label, l.now(), l.now()
	l.view = view{now: l.now, since: l.began}
	fmt.Fprintf(l.w, "    %s\n", label)
}

func (l *lines) Event(name string, raw json.RawMessage) {
	fresh := l.view.update(name, raw)
	if now := l.now(); fresh || name == "eval" || now.Sub(l.last) >= l.every {
		l.last = now
		fmt.Fprintf(l.w, "    %s: %s\n", l.label, l.view.status(1000))
	}
}

func (l *lines) End(summary string, failed bool) {
	fmt.Fprint(l.w, summaryLine(l.label, summary, l.now().Sub(l.began), failed))
}

func (l *lines) Note(text string) { fmt.Fprintf(l.w, "  %s\n", text) }

// JSON writes every event as a line, between {"event":"begin","label":…} and {"event":"end","label":…}.
func JSON(w io.Writer) Progress { return &jsonLines{w: w} }

type jsonLines struct {
	w     io.Writer
	label string
}

func (j *jsonLines) Begin(label string) {
	j.label = label
	WriteJSON(j.w, map[string]any{"event": "begin", "label": label})
}

func (j *jsonLines) Event(_ string, raw json.RawMessage) { fmt.Fprintf(j.w, "%s\n", raw) }

func (j *jsonLines) End(summary string, failed bool) {
	WriteJSON(j.w, map[string]any{"event": "end", "label": j.label, "summary": summary, "failed": failed})
}

// Note is dropped: what it would say to a person, a program knows from the signal it sent.
func (j *jsonLines) Note(string) {}

// WriteJSON writes v as one line.
func WriteJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// Quiet shows nothing: for commands whose result appears as it comes.
func Quiet() Progress { return quiet{} }

type quiet struct{}

func (quiet) Begin(string)                  {}
func (quiet) Event(string, json.RawMessage) {}
func (quiet) End(string, bool)              {}
func (quiet) Note(string)                   {}
