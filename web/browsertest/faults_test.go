package browsertest_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/wasm/conformance"
)

// echo checks that the session serves calls.
func (b *hostPage) echo(t *testing.T) {
	t.Helper()
	want := map[string]any{"text": "é\x00\U0001F58B", "list": []any{1.5, nil, true}}
	var got map[string]any
	require.NoError(t, b.Call(t.Context(), "echo", want, &got, nil))
	require.Equal(t, want, got)
}

func (b *hostPage) cancel(t *testing.T) {
	b.open(t, b.test())
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		err := b.Call(ctx, "kernel-cases", nil, nil, func(string, json.RawMessage) { cancel() })
		require.ErrorIs(t, err, fault.Cancelled)
		require.ErrorIs(t, err, context.Canceled)
		b.echo(t)
	}
	// Also during many short operations in memory.
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Call(
		ctx,
		"conformance",
		conformance.Params{Filter: "^host:", RoundTrips: 10_000_000},
		nil,
		func(_ string, raw json.RawMessage) {
			var r conformance.Result
			if json.Unmarshal(raw, &r) == nil && r.Case == "host: an event without a name" {
				cancel() // the next case yields often
			}
		},
	)
	cancel()
	require.ErrorIs(t, err, fault.Cancelled)
	b.requireNothingLeft(t)
}

func (b *hostPage) deviceLost(t *testing.T) {
	// Firefox prints this if a pipeline is created on a lost device, before the host is told.
	b.expect(`Parent device is lost`)
	b.open(t, b.test())
	lost := false
	err := b.Call(t.Context(), "kernel-cases", nil, nil, func(string, json.RawMessage) {
		if !lost {
			lost = true
			go func() { _, _ = b.Evaluate(context.WithoutCancel(t.Context()), "harness.loseDevice()") }()
		}
	})
	require.ErrorIs(t, err, fault.DeviceLost)
	require.ErrorContains(t, err, "resumes from the newest checkpoint")
	require.ErrorIs(t, b.Call(t.Context(), "echo", 1, nil, nil), fault.DeviceLost)
	b.open(t, b.test())
	b.echo(t)
	var report conformance.Report
	require.NoError(
		t,
		b.Call(t.Context(), "conformance", conformance.Params{Filter: "^gpu: (one batch|dispatches)"}, &report, nil),
	)
	require.Equal(t, 2, report.Passed)
	b.requireNothingLeft(t)
}

// foreign is a WebAssembly module that imports a function "x" from "env".
var foreign = []byte("\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x02\x09\x01\x03env\x01x\x00\x00")

func (b *hostPage) wrongGuests(t *testing.T) {
	for name, c := range map[string]struct {
		options map[string]any
		kind    fault.Kind
		says    string
	}{
		"another hash":      {map[string]any{"wasm": "nextquill.wasm", "sha256": "00"}, fault.Mismatch, b.sha256},
		"not there":         {map[string]any{"wasm": "nothing.wasm"}, fault.Missing, "404"},
		"no module":         {map[string]any{"wasm": "worker.js"}, fault.Malformed, "worker.js"},
		"a foreign import":  {map[string]any{"wasm": "foreign.wasm"}, fault.Unsupported, "env.x"},
		"no worker's code":  {map[string]any{"wasm": "nextquill.wasm", "worker": "nothing.js"}, "internal", "worker"},
		"another site's":    {map[string]any{"wasm": "nextquill.wasm", "worker": "http://127.0.0.2:9/worker.js"}, fault.Unsupported, "origin"},
		"another site file": {map[string]any{"wasm": "http://127.0.0.2:9/nextquill.wasm"}, fault.Missing, "127.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options["blobs"] = map[string]any{"kind": "memory"}
			err := b.CallHarness(t.Context(), nil, "open", c.options)
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
		})
	}
	// The browser logs what it blocked and did not find. The worker of another site starts from a
	// blob.
	b.expect(`nothing\.(js|wasm)|blob:|127\.0\.0\.2`)
	b.TakeMessages()
	b.open(t, nil)
	b.echo(t)
}
