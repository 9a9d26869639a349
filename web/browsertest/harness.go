package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"nextquill/core/api"
	"nextquill/core/rpc"
)

// Page is a page in Chromium or Firefox. CallHarness and Call need a page that has loaded
// harness.ts.
type Page interface {
	api.Client
	// Evaluate returns the value of an expression in JSON. It waits for a promise to settle.
	Evaluate(ctx context.Context, expression string) (json.RawMessage, error)
	// AddInitScript runs a script in each document that is loaded from now on, before the
	// document's own scripts.
	AddInitScript(script string) error
	// CallHarness calls a method of harness.ts, which answers with a result or an ErrorInfo, and
	// stores the result.
	CallHarness(ctx context.Context, result any, method string, args ...any) error
	// OnReport has f take what the page passes to the function report(). It must return soon: it
	// runs on the goroutine that reads from the browser.
	OnReport(f func(json string))
	// TakeMessages returns what page and worker have printed or thrown, and what the policy has
	// blocked, since the last call.
	TakeMessages() []string
	// Close ends the browser, or closes the tab.
	Close()
}

var (
	_ Page = (*Browser)(nil)
	_ Page = (*Firefox)(nil)
)

// harness is what pages in all browsers share: messages, reports and calls into harness.ts.
type harness struct {
	evaluate func(ctx context.Context, script string) (json.RawMessage, error)

	mu       sync.Mutex
	onReport func(json string)
	messages []string
}

// receive takes what the page passes to report().
func (h *harness) receive(json string) {
	h.mu.Lock()
	defer h.mu.Unlock() // after OnReport(nil) the old function is not running any more
	if h.onReport != nil {
		h.onReport(json)
	}
}

// addMessage keeps a line for TakeMessages.
func (h *harness) addMessage(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, line)
}

// TakeMessages implements Page.
func (h *harness) TakeMessages() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	messages := h.messages
	h.messages = nil
	return messages
}

// CallHarness implements Page.
func (h *harness) CallHarness(ctx context.Context, result any, method string, args ...any) error {
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		return err
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

// Call implements api.Client on the session of harness.ts. onEvent must return soon, as the
// function of OnReport must.
func (h *harness) Call(
	ctx context.Context,
	method string,
	params, result any,
	onEvent func(string, json.RawMessage),
) error {
	h.OnReport(func(raw string) {
		if name, err := rpc.EventName([]byte(raw)); err == nil && onEvent != nil {
			onEvent(name, json.RawMessage(raw))
		}
	})
	defer h.OnReport(nil)
	stop := context.AfterFunc(ctx, func() { _, _ = h.evaluate(context.WithoutCancel(ctx), "harness.cancel()") })
	defer stop()
	return h.CallHarness(context.WithoutCancel(ctx), result, "call", method, params)
}

// OnReport implements Page.
func (h *harness) OnReport(f func(json string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onReport = f
}
