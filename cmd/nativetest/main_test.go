package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/rpc"
	"nextquill/wasm/conformance"
)

// script is a client that emits given events and returns given results.
type script map[string]func(emit func(any)) (any, error)

func (s script) Call(_ context.Context, method string, _, result any, onEvent func(string, json.RawMessage)) error {
	got, err := s[method](func(event any) {
		raw, _ := json.Marshal(event)
		name, _ := rpc.EventName(raw)
		onEvent(name, raw)
	})
	if err != nil || result == nil {
		return err
	}
	raw, err := json.Marshal(got)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, result)
}

func TestFailuresAreCountedAndShown(t *testing.T) {
	c := script{
		"conformance": func(emit func(any)) (any, error) {
			emit(conformance.Result{Event: "conformance", Case: "one"})
			emit(map[string]any{"event": "probe"})
			emit(conformance.Result{Event: "conformance", Case: "two", Message: "broken host"})
			return nil, nil
		},
		"kernel-cases": func(emit func(any)) (any, error) {
			for _, r := range []api.KernelCaseEvent{
				{Case: "add n=1", Error: 0.5}, {Case: "add n=2", Message: "z[0] = 1, want 2"},
			} {
				r.Event = api.EventKernelCase
				emit(r)
			}
			return nil, nil
		},
		"release": func(func(any)) (any, error) { return api.ReleaseResult{Leaked: []string{"forgotten"}}, nil },
	}
	var out strings.Builder
	tally := &tally{out: &out}
	require.NoError(t, runConformance(t.Context(), c, "", tally))
	require.NoError(t, runKernels(t.Context(), c, "", tally))
	require.NoError(t, checkNothingLeft(t.Context(), c, tally))
	require.Equal(t, 2, tally.passed)
	require.Equal(t, 3, tally.failed)
	require.Equal(t, `ok   one  0 ms
FAIL two  broken host
ok   add n=1  error 0.5, 0 ms
FAIL add n=2  z[0] = 1, want 2
FAIL buffer "forgotten"  was not freed
`, out.String())
}

func TestWithoutGuest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guest.wasm")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err := run(t.Context(), options{Guest: "nowhere.wasm", TestGuest: file, Job: true}, &strings.Builder{})
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "go run ./cmd/buildwasm (")
	_, err = run(t.Context(), options{Guest: file, TestGuest: "nowhere.wasm"}, &strings.Builder{})
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "go run ./cmd/buildwasm --test")
}
