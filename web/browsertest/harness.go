package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"nextquill/core/api"
	"nextquill/core/rpc"
)

// Page is a page with harness.ts, in any browser of its own.
type Page interface {
	api.Client
	// Evaluate gives the value of an expression in JSON, a promise's once it is settled.
	Evaluate(ctx context.Context, expression string) (json.RawMessage, error)
	// Harness calls a method of the page's harness, which answers with a result or an
	// ErrorInfo, and stores the result.
	Harness(ctx context.Context, result any, method string, args ...any) error
	// Said returns, once, what page and worker printed, threw, or were refused by the
	// policy.
	Said() []string
	// Close ends the browser.
	Close()
}

var (
	_ Page = (*Browser)(nil)
	_ Page = (*Firefox)(nil)
)

// harness calls into a page that has harness.ts, in any browser.
type harness struct {
	// evaluate gives the value of an expression in JSON, a promise's once it is settled.
	evaluate func(ctx context.Context, script string) (json.RawMessage, error)

	mu      sync.Mutex
	onEvent func(json string)
	said    []string
}

// hear takes what the page gives to the function report.
func (h *harness) hear(json string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.onEvent != nil {
		h.onEvent(json)
	}
}

// note keeps a line for Said.
func (h *harness) note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, line)
}

// Said implements Page.
func (h *harness) Said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	said := h.said
	h.said = nil
	return said
}

// Harness implements Page.
func (h *harness) Harness(ctx context.Context, result any, method string, args ...any) error {
	list, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		list = []byte("[]")
	}
	raw, err := h.evaluate(ctx, fmt.Sprintf("harness[%q](...%s)", method, list))
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *api.ErrorInfo
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("harness.%s: %w", method, err)
	}
	if answer.Error != nil {
		return rpc.DecodeError(answer.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// Call implements api.Client on the harness's session. onEvent must return
// soon: it runs on the goroutine that hears the browser.
func (h *harness) Call(ctx context.Context, method string, params, result any, onEvent func(string, json.RawMessage)) error {
	h.setOnEvent(func(raw string) {
		if name, err := rpc.EventName([]byte(raw)); err == nil && onEvent != nil {
			onEvent(name, json.RawMessage(raw))
		}
	})
	defer h.setOnEvent(nil)
	stop := context.AfterFunc(ctx, func() { _, _ = h.evaluate(context.WithoutCancel(ctx), "harness.cancel()") })
	defer stop()
	return h.Harness(context.WithoutCancel(ctx), result, "call", method, params)
}

// OnReport has f take what the page gives to the function report. It must return
// soon, as Call's onEvent.
func (h *harness) OnReport(f func(json string)) { h.setOnEvent(f) }

func (h *harness) setOnEvent(f func(json string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onEvent = f
}
