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

// Task is a task of a page's main thread. The page cannot react to input while it runs.
type Task struct {
	// Wall is the task's duration, CPU the time that the thread ran on a CPU. They differ by the
	// time that the task waits, and on a busy machine by the time that the thread waits for a CPU.
	Wall, CPU time.Duration
	// Source is the function of the browser that posted the task.
	Source string
}

func (t Task) String() string {
	return fmt.Sprintf("%v (%v on a CPU) %s", t.Wall.Round(time.Millisecond), t.CPU.Round(time.Millisecond), t.Source)
}

// Tasks are the tasks of all main threads during a trace.
type Tasks struct {
	All []Task
	// Queued is the total time that the main threads waited for a CPU.
	Queued time.Duration
	// Span is the time from the start of the first task to the end of the last.
	Span time.Duration
}

// Longest returns the task with the largest Wall and the task with the largest CPU.
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

// Blocking returns the tasks that block the page for longer than limit. Wall alone cannot tell on a
// busy machine, since it includes the time that the thread waits for a CPU. So a task counts if its
// CPU is over the limit. A task whose Wall alone is over the limit was queued, or it waited for
// something, which blocks the page too: if Queued, the scheduler's account, covers all such waits,
// these tasks do not count; else all of them do.
func (t Tasks) Blocking(limit time.Duration) (blocking []Task) {
	var late []Task
	var waits time.Duration
	for _, task := range t.All {
		switch {
		case task.CPU > limit:
			blocking = append(blocking, task)
		case task.Wall > limit:
			late = append(late, task)
			waits += task.Wall - task.CPU
		}
	}
	if waits > t.Queued {
		blocking = append(blocking, late...)
	}
	return blocking
}

// TraceMainThread starts a trace of the main threads of all pages. stop ends it and returns the
// tasks.
func (b *Browser) TraceMainThread(ctx context.Context) (stop func(context.Context) (Tasks, error), err error) {
	var events []traceEvent
	complete := make(chan struct{})
	w, err := dialCDP(ctx, b.address, func(_ target.SessionID, method string, params []byte) {
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
		"recordMode": "recordAsMuchAsPossible", "includedCategories": []string{"toplevel"},
		"excludedCategories": []string{"*"},
	}}
	if err := w.call(ctx, "", "Tracing.start", start, nil); err != nil {
		w.close()
		return nil, err
	}
	before := w.queuedByProcess(ctx)
	return func(ctx context.Context) (t Tasks, err error) {
		defer w.close()
		for pid, after := range w.queuedByProcess(ctx) {
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

// queuedByProcess returns, by process id, how long the main thread of each renderer process has
// waited for a CPU since it started. It uses Linux's schedstat; on other systems the map is empty.
func (w *cdpConn) queuedByProcess(ctx context.Context) map[int]time.Duration {
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
