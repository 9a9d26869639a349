package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/history"
)

// fakeEngine is an engine with made-up results. The tests check its requests and the command's
// output.
type fakeEngine struct {
	store  blob.Store
	mu     sync.Mutex
	calls  []recorded
	closed bool
	// fail, if not nil, is called before each call.
	fail func(ctx context.Context, method string) error
}

type recorded struct {
	method string
	params map[string]any
}

func (s *fakeEngine) Close() error {
	s.closed = true
	return nil
}

func (s *fakeEngine) Call(ctx context.Context, method string, params, result any,
	onEvent func(string, json.RawMessage)) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	var seen map[string]any
	if params != nil {
		if err := json.Unmarshal(raw, &seen); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.calls = append(s.calls, recorded{method, seen})
	s.mu.Unlock()
	emit := func(name string, event any) {
		raw, _ := json.Marshal(event)
		if onEvent != nil {
			onEvent(name, raw)
		}
	}
	if method == "personalize" {
		emit("step", api.StepEvent{Event: "step", Step: 1, Steps: 2, Loss: 5, NTP: 4.5, Align: 5, TokensPS: 1000,
			Remaining: 1})
		emit("checkpoint", api.CheckpointEvent{Event: "checkpoint", Step: 1})
	}
	if s.fail != nil {
		if err := s.fail(ctx, method); err != nil {
			return err
		}
	}
	answer := func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, result)
	}
	switch method {
	case "info":
		return answer(api.InfoResult{Version: "1", Device: gpu.Info{Name: "test device"}, PeakBytes: 1 << 20})
	case "evaluate":
		return s.evaluate(ctx, seen, answer)
	case "personalize":
		emit("step", api.StepEvent{Event: "step", Step: 2, Steps: 2, Loss: 4, NTP: 3.6, Align: 4, TokensPS: 1000})
		emit("eval", api.EvalEvent{Event: "eval", Step: 2, Loss: 3.9, Best: true})
		if err := s.store.Write(ctx, seen["out"].(string)+"/adapter_model.safetensors",
			make([]byte, 2048)); err != nil {
			return err
		}
		r := api.PersonalizeResult{Steps: 2, Tokens: 2000, Seconds: 2, Loss: 4, Heldout: 3.9, Stopped: "done",
			Train: api.TextCounts{Texts: 160, Windows: 160}, Tested: api.TextCounts{Texts: 60, Windows: 60}}
		if seen["datastore"] != nil {
			r.Remembered = &api.RememberResult{Entries: 900, Share: .125, Fitted: 60}
		}
		return answer(r)
	case "load":
		return answer(api.LoadResult{Seconds: 1, LiveBytes: 1 << 20})
	case "write":
		for _, piece := range []string{"A long", "ing for what", " others", " have.\n"} {
			emit("token", api.TokenEvent{Event: "token", Text: piece})
		}
		return answer(api.WriteResult{Text: " A longing for what others have.\n", Tokens: 8, Stopped: "eos",
			TokensPS: 40})
	case "explain":
		return answer(api.ExplainResult{
			Context: []api.Field{{Name: "word", Value: "happiness"}},
			Text:    "An agreeable sensation.",
			Tokens: []api.TokenCause{
				{Text: "An", DCE: .2, LogpWith: math.Log(.3), LogpWithout: math.Log(.1)},
				{Text: " agreeable", DCE: -.06},
				{Text: " sensation"}, {Text: "."}, {Text: ""},
			},
			Items: []string{"An earlier text."},
		})
	case "step":
		return answer(api.StepResult{Loss: 1.5, NTPLoss: 1.25, AlignLoss: 2.5, Tokens: []api.StepToken{{ID: 1}}})
	case "bench":
		return answer(api.BenchResult{
			Device: "test device", MatmulGFLOPS: 30.2, Ratio: 1.21, PeakBytes: 210 << 20,
			Kernels: []api.KernelBench{{Kernel: "linear_forward", Calls: 42, Seconds: .031, GFLOPS: 28.4, Share: .412},
				{Kernel: "add", Calls: 12, Seconds: .0009, Share: .012}},
			Steps: []api.StepBench{
				{Preset: "contextsft", Tokens: 1460, Seconds: .912, GFLOPS: 19.4, Utilization: .64},
				{Preset: "nextquill-code", Tokens: 1720, Seconds: 1.104, GFLOPS: 19.1, Utilization: .63},
			},
			Decode: []api.DecodeBench{{TokenSeconds: .05, Dispatches: 32}, {TokenSeconds: .0625}},
		})
	}
	return fault.New(fault.Unsupported, "request", "method", "%s", method)
}

// evaluate returns a loss per held-out text that depends on the adapter.
func (s *fakeEngine) evaluate(ctx context.Context, params map[string]any, answer func(any) error) error {
	source := params["source"].(map[string]any)
	raw, err := blob.ReadAll(ctx, s.store, source["heldout"].(string), 1<<20)
	if err != nil {
		return err
	}
	items, err := history.ReadJSONL(bytes.NewReader(raw), "heldout", history.Limits{})
	if err != nil {
		return err
	}
	if limit, ok := source["max_heldout"].(float64); ok {
		items = items[:min(len(items), int(limit))]
	}
	mean := 4.5
	switch {
	case params["adapter"] == "out/contextsft", params["adapter"] == "out/nextquill", params["datastore"] == "none":
		mean = 4.1
	case params["adapter"] != nil:
		mean = 4
	case params["no_history"] == true:
		mean = 4.6
	}
	r := api.EvaluateResult{Loss: mean}
	for i := range items {
		nats := 10 * (mean + .5*math.Sin(float64(i))) // losses differ between texts, and by a constant between models
		r.Items = append(r.Items, api.ItemLoss{Item: i, Nats: nats, Tokens: 10})
		r.Tokens += 10
	}
	return answer(r)
}

// cliRun is one invocation of the command line in its own folder.
type cliRun struct {
	code           int
	stdout, stderr string
	engine         *fakeEngine
}

func invoke(t *testing.T, ctx context.Context, s *fakeEngine, args ...string) cliRun {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
		open: func(_ context.Context, _ globals, store blob.Store, _ io.Writer) (engine, error) {
			s.store = store
			return s, nil
		}}
	code := run(ctx, args, a)
	return cliRun{code, stdout.String(), stderr.String(), s}
}

func (r cliRun) calls(t *testing.T, method string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, c := range r.engine.calls {
		if c.method == method {
			out = append(out, c.params)
		}
	}
	return out
}

func requireLines(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		require.True(t, strings.Contains(text, p), "%q is not in:\n%s", p, text)
	}
}
