package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/wasm/conformance"
)

// tally prints one line per case and counts them.
type tally struct {
	out            io.Writer
	passed, failed int
}

func (t *tally) line(name, message, detail string) {
	if message != "" {
		t.failed++
		fmt.Fprintf(t.out, "FAIL %s  %s\n", name, message)
		return
	}
	t.passed++
	fmt.Fprintf(t.out, "ok   %s  %s\n", name, detail)
}

func runConformance(ctx context.Context, c api.Client, filter string, t *tally) error {
	return c.Call(ctx, "conformance", conformance.Params{Filter: filter}, nil, func(name string, raw json.RawMessage) {
		var r conformance.Result
		if name == "conformance" && t.decode(raw, &r) {
			t.line(r.Case, r.Message, fmt.Sprintf("%.0f ms", 1000*r.Seconds))
		}
	})
}

// runKernels shows the error of each case relative to its tolerance.
func runKernels(ctx context.Context, c api.Client, filter string, t *tally) error {
	return c.Call(ctx, "kernel-cases", api.KernelCasesParams{Filter: filter}, nil, func(_ string, raw json.RawMessage) {
		var e api.KernelCaseEvent
		if t.decode(raw, &e) {
			t.line(e.Case, e.Message, fmt.Sprintf("error %.2g, %.0f ms", e.Error, 1000*e.Seconds))
		}
	})
}

// checkNothingLeft releases the caches and reports each buffer that is left.
func checkNothingLeft(ctx context.Context, c api.Client, t *tally) error {
	var left api.ReleaseResult
	if err := c.Call(ctx, "release", nil, &left, nil); err != nil {
		return err
	}
	for _, name := range left.Leaked {
		t.line("buffer "+fault.Quote(name), "was not freed", "")
	}
	return nil
}

func (t *tally) decode(raw json.RawMessage, event any) bool {
	if err := json.Unmarshal(raw, event); err != nil {
		t.line("event", err.Error(), "")
		return false
	}
	return true
}
