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

	"nextquill/core/api"
	"nextquill/report"
)

// Progress shows the calls of a command one after the other.
type Progress interface {
	// Begin starts a call; label is a few words.
	Begin(label string)
	// Event processes one event of the call.
	Event(name string, raw json.RawMessage)
	// End ends the call. summary describes the result, or if failed is set the reason, possibly "".
	End(summary string, failed bool)
	// Note shows a message. Unlike the other methods it may be called from any goroutine.
	Note(text string)
}

// labelWidth is the column width of labels.
const labelWidth = 26

// column pads or truncates a label to its width. Labels may contain words of the user.
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

// Bars draws a bar on the terminal w, width columns wide. Each call leaves one line.
func Bars(w io.Writer, width int) Progress {
	return &bars{w: w, width: width, view: view{now: time.Now}}
}

type bars struct {
	w     io.Writer
	width int
	label string
	began time.Time

	bar *mpb.Bar

	mu       sync.Mutex // a separate goroutine draws the bar
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
	// The total is one higher, because a complete bar accepts no more events and another stage may
	// follow.
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

// Lines writes to a log: a line when a stage starts, one every few seconds of training, and one at
// the end.
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
	if now := l.now(); fresh || name == api.EventEval || now.Sub(l.last) >= l.every {
		l.last = now
		fmt.Fprintf(l.w, "    %s: %s\n", l.label, l.view.status(1000))
	}
}

func (l *lines) End(summary string, failed bool) {
	fmt.Fprint(l.w, summaryLine(l.label, summary, l.now().Sub(l.began), failed))
}

func (l *lines) Note(text string) { fmt.Fprintf(l.w, "  %s\n", text) }

// JSON writes every event as a line, between {"event":"begin","label":…} and
// {"event":"end","label":…}.
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

// Note is dropped, because programs that read JSON know the signal they sent.
func (j *jsonLines) Note(string) {}

// WriteJSON writes v as one line.
func WriteJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// Quiet shows nothing, for commands that stream their result.
func Quiet() Progress { return quiet{} }

type quiet struct{}

func (quiet) Begin(string)                  {}
func (quiet) Event(string, json.RawMessage) {}
func (quiet) End(string, bool)              {}
func (quiet) Note(string)                   {}
