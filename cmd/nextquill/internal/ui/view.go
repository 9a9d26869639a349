package ui

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"nextquill/core/api"
	"nextquill/report"
)

// BytesEvent reports the progress of a long copy. Only the command line creates it, not the core.
type BytesEvent struct {
	Event string `json:"event"` // "bytes"
	Stage string `json:"stage"` // "fetch", "verify", "convert"
	File  string `json:"file"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// OverallEvent reports how far a command with many calls is. Only the command line creates it.
type OverallEvent struct {
	Event string  `json:"event"` // "overall"
	Done  int     `json:"done"`
	Total int     `json:"total"`
	Left  float64 `json:"remaining"` // seconds; negative if unknown
}

// view is the state that results from the events of a call.
type view struct {
	now     func() time.Time
	stage   string
	done    int
	total   int
	since   time.Time // start of the stage
	first   int       // done at the start of the stage, for resumed downloads
	part    float64   // of the item or step that runs
	bytes   bool      // done and total are bytes
	step    *api.StepEvent
	heldout *api.EvalEvent
	saved   int // step of the newest checkpoint
	overall *OverallEvent
}

// update processes an event and reports whether a new stage started.
func (v *view) update(name string, raw json.RawMessage) (newStage bool) {
	switch name {
	case "overall":
		e := new(OverallEvent)
		if json.Unmarshal(raw, e) == nil {
			v.overall = e
		}
	case "bytes":
		var e BytesEvent
		if json.Unmarshal(raw, &e) != nil {
			return false
		}
		newStage = v.enter(e.Stage, int(e.Done))
		v.done, v.total, v.bytes = int(e.Done), int(e.Total), true
	case api.EventStage:
		var e api.StageEvent
		if json.Unmarshal(raw, &e) != nil {
			return false
		}
		newStage = v.enter(e.Stage, 0)
		v.done, v.total, v.part, v.bytes = e.Done, e.Total, 0, false
	case api.EventProgress:
		var e api.ProgressEvent
		if json.Unmarshal(raw, &e) != nil {
			return false
		}
		newStage = v.enter(e.Stage, 0)
		v.done, v.total, v.part, v.bytes = int(e.Done), e.Total, e.Done-math.Trunc(e.Done), false
	case api.EventStep:
		e := new(api.StepEvent)
		if json.Unmarshal(raw, e) != nil {
			return false
		}
		newStage = v.stage != "train"
		v.stage, v.step, v.done, v.total, v.part, v.bytes = "train", e, e.Step, e.Steps, 0, false
	case api.EventEval:
		e := new(api.EvalEvent)
		if json.Unmarshal(raw, e) == nil {
			v.heldout = e
		}
	case api.EventCheckpoint:
		var e api.CheckpointEvent
		if json.Unmarshal(raw, &e) == nil {
			v.saved = e.Step
		}
	}
	return newStage
}

// enter begins a stage in which first is done already, and reports whether it is a new one.
func (v *view) enter(stage string, first int) bool {
	if stage == v.stage {
		return false
	}
	v.stage, v.since, v.first = stage, v.now(), first
	return true
}

// left estimates the remaining seconds of the stage. It is negative if there is no estimate yet.
func (v *view) left() float64 {
	if v.stage == "train" && v.step != nil {
		return v.step.Remaining
	}
	passed := v.now().Sub(v.since).Seconds()
	if v.done <= v.first || v.total <= v.done || passed < 1 {
		return -1
	}
	return passed * float64(v.total-v.done) / float64(v.done-v.first)
}

// part is a part of the status. When space is short, parts with the lowest rank are dropped first.
type part struct {
	text string
	rank int
}

// stageName is what a person reads for a stage.
func stageName(stage string) string {
	if stage == api.StageCompile {
		return "preparing the GPU"
	}
	return stage
}

// status describes the stage in at most width columns.
func (v *view) status(width int) string {
	parts := []part{{stageName(v.stage), 7}}
	switch passed := v.now().Sub(v.since).Seconds(); {
	case v.bytes:
		parts = append(parts, part{report.Bytes(int64(v.done)) + " of " + report.Bytes(int64(v.total)), 9})
		if passed >= 1 && v.done > v.first {
			parts = append(parts, part{report.Bytes(int64(float64(v.done-v.first)/passed)) + "/s", 5})
		}
	case v.total > 0 && v.part > 0:
		parts = append(parts, part{fmt.Sprintf("%d/%d + %.0f %%", v.done, v.total, 100*v.part), 9})
	case v.total > 0:
		parts = append(parts, part{fmt.Sprintf("%d/%d", v.done, v.total), 9})
	}
	if s := v.step; v.stage == "train" && s != nil {
		parts = append(parts, part{"loss " + figure(s.Loss), 6})
		if s.Align != 0 {
			parts = append(parts, part{"L_n " + figure(s.NTP), 4}, part{"L_p " + figure(s.Align), 3})
		}
		if s.Causal != 0 {
			parts = append(parts, part{fmt.Sprintf("above δ %.0f %%", 100*s.Causal), 2})
		}
		if v.heldout != nil {
			parts = append(parts, part{"held-out " + figure(v.heldout.Loss), 1})
		}
		parts = append(parts, part{fmt.Sprintf("%.0f tok/s", s.TokensPS), 5})
	}
	if left := v.left(); left >= 0 && v.overall == nil {
		parts = append(parts, part{clock(left) + " left", 8})
	}
	if o := v.overall; o != nil {
		parts = append(parts, part{fmt.Sprintf("%d of %d done", o.Done, o.Total), 10})
		if o.Left >= 0 {
			parts = append(parts, part{clock(o.Left) + " left", 8})
		}
	}
	for {
		texts := make([]string, len(parts))
		least := 0
		for i, p := range parts {
			texts[i] = p.text
			if p.rank < parts[least].rank {
				least = i
			}
		}
		line := strings.Join(texts, "  ")
		if len(parts) <= 1 || runewidth.StringWidth(line) <= width {
			return line
		}
		parts = append(parts[:least], parts[least+1:]...)
	}
}

// figure formats a loss with four significant digits.
func figure(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// clock formats seconds as m:ss or h:mm:ss.
func clock(seconds float64) string {
	s := int(seconds + .5)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
