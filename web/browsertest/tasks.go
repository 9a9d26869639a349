package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/target"
)

// Task is one piece of work of a page's main thread, in which the page cannot
// answer the person.
type Task struct {
	// Wall is how long it took, CPU how long the thread ran on a processor. On an
	// idle machine they are the same, but for what the task itself waits for.
	Wall, CPU time.Duration
	// Source is the function in the browser that posted it.
	Source string
}

func (t Task) String() string {
	return fmt.Sprintf("%v (%v on the processor) %s", t.Wall.Round(time.Millisecond), t.CPU.Round(time.Millisecond), t.Source)
}

// Tasks are those of a while.
type Tasks struct {
	All []Task
	// Queued is how long in all the main threads were ready to run while the
	// machine did something else.
	Queued time.Duration
	// Span is from the first to the last.
	Span time.Duration
}

// Longest are the task that took longest on the clock, and the one that took
// longest on a processor.
func (t Tasks) Longest() (wall, cpu Task) {
	for _, task := range t.All {
		if task.Wall > wall.Wall {
			wall = task
		}
		if task.CPU > cpu.CPU {
			cpu = task
		}
	}
	return wall, cpu
}

// Over are the tasks that are to blame for blocking the page for longer than
// limit. On a machine that has other work, too, a clock alone cannot tell them:
// it runs on while the thread waits for its turn. So a task is over when it held
// the processor for longer. One that took longer without working was queued, or
// it waited for something, which blocks the page just as well: as long as the
// scheduler's own account of the queueing covers all such waits they are its
// doing, else they are tasks of ours that wait.
func (t Tasks) Over(limit time.Duration) (over []Task) {
	var late []Task
	var waits time.Duration
	for _, task := range t.All {
		switch {
		case task.CPU > limit:
			over = append(over, task)
		case task.Wall > limit:
			late = append(late, task)
			waits += task.Wall - task.CPU
		}
	}
	if waits > t.Queued {
		over = append(over, late...)
	}
	return over
}

// MainThread begins to note the tasks of the browser's pages. stop gives them.
func (b *Browser) MainThread(ctx context.Context) (stop func(context.Context) (Tasks, error), err error) {
	var events []traceEvent
	complete := make(chan struct{})
	w, err := dialWire(ctx, b.address, func(_ target.SessionID, method string, params []byte) {
		switch method {
		case "Tracing.dataCollected":
			var part struct{ Value []traceEvent }
			if json.Unmarshal(params, &part) == nil {
				events = append(events, part.Value...)
			}
		case "Tracing.tracingComplete":
			close(complete)
		}
	})
	if err != nil {
		return nil, err
	}
	start := map[string]any{"transferMode": "ReportEvents", "traceConfig": map[string]any{
		"recordMode": "recordAsMuchAsPossible", "includedCategories": []string{"toplevel"}, "excludedCategories": []string{"*"},
	}}
	if err := w.call(ctx, "", "Tracing.start", start, nil); err != nil {
		w.close()
		return nil, err
	}
	before := w.queued(ctx)
	return func(ctx context.Context) (t Tasks, err error) {
		defer w.close()
		for pid, after := range w.queued(ctx) {
			t.Queued += after - before[pid]
		}
		if err := w.call(ctx, "", "Tracing.end", nil, nil); err != nil {
			return t, err
		}
		select {
		case <-complete:
			t.All, t.Span = mainTasks(events)
			return t, nil
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}, nil
}

// queued is for how long the main thread of each process of a page has waited
// for a processor since it started, as Linux counts it. Where that is not to be
// had it is nothing, and the clock counts alone.
func (w *wire) queued(ctx context.Context) map[int]time.Duration {
	var r struct {
		ProcessInfo []struct {
			Type string
			ID   int
		}
	}
	if err := w.call(ctx, "", "SystemInfo.getProcessInfo", nil, &r); err != nil {
		return nil
	}
	delays := map[int]time.Duration{}
	for _, p := range r.ProcessInfo {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", p.ID, p.ID))
		if fields := strings.Fields(string(text)); p.Type == "renderer" && err == nil && len(fields) == 3 {
			ns, _ := strconv.ParseInt(fields[1], 10, 64) // run, queued, turns
			delays[p.ID] = time.Duration(ns)
		}
	}
	return delays
}

// traceEvent is an event of Chromium's trace format; times are in microseconds.
type traceEvent struct {
	Name, Ph  string
	PID, TID  int
	TS        float64
	Dur, TDur float64
	Args      struct {
		Name    string
		SrcFile string `json:"src_file"`
		SrcFunc string `json:"src_func"`
	}
}

func mainTasks(events []traceEvent) (tasks []Task, span time.Duration) {
	type thread struct{ pid, tid int }
	main := map[thread]bool{}
	for _, e := range events {
		if e.Ph == "M" && e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[thread{e.PID, e.TID}] = true
		}
	}
	micro := func(n float64) time.Duration { return time.Duration(n * float64(time.Microsecond)) }
	first, last := math.Inf(1), math.Inf(-1)
	for _, e := range events {
		if e.Ph == "X" && main[thread{e.PID, e.TID}] && e.Name == "ThreadControllerImpl::RunTask" {
			tasks = append(tasks, Task{micro(e.Dur), micro(e.TDur), e.Args.SrcFile + " " + e.Args.SrcFunc})
			first, last = min(first, e.TS), max(last, e.TS+e.Dur)
		}
	}
	if len(tasks) > 0 {
		span = micro(last - first)
	}
	return tasks, span
}
