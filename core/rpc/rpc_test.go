package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/rpc"
)

// testMethods are methods for the tests of this package.
func testMethods() []rpc.Method {
	return []rpc.Method{
		{Name: "echo", Handler: func(_ context.Context, c *rpc.Call) (any, error) {
			if len(c.Params) == 0 {
				return nil, nil
			}
			return c.Params, nil
		}},
		{Name: "panic", Handler: func(context.Context, *rpc.Call) (any, error) {
			var none []int
			return none[3], nil
		}},
		{Name: "unmarshalable", Handler: func(context.Context, *rpc.Call) (any, error) {
			return func() {}, nil
		}},
		{Name: "events", Handler: func(_ context.Context, c *rpc.Call) (any, error) {
			var p struct{ N int }
			if err := c.Decode(&p); err != nil {
				return nil, err
			}
			for i := range p.N {
				if err := c.Emit(api.StageEvent{Event: api.EventStage, Done: i}); err != nil {
					return nil, err
				}
			}
			return p.N, c.Emit(struct{ X int }{1})
		}},
		{Name: "stop", Handler: func(ctx context.Context, _ *rpc.Call) (any, error) {
			return nil, blob.Cancelled(ctx)
		}},
		{Name: "missing", Handler: func(ctx context.Context, _ *rpc.Call) (any, error) {
			_, err := (&blob.Mem{}).Size(ctx, "nowhere")
			return nil, fmt.Errorf("looking: %w", err)
		}},
	}
}

func client() api.Client { return rpc.Local(rpc.NewServer(nil, testMethods())) }

func TestEcho(t *testing.T) {
	var got map[string]any
	require.NoError(t, client().Call(t.Context(), "echo", map[string]any{"a": "é", "b": []int{1}}, &got, nil))
	require.Equal(t, map[string]any{"a": "é", "b": []any{1.0}}, got)
	require.NoError(t, client().Call(t.Context(), "echo", nil, nil, nil))
}

func TestEventsArriveInOrder(t *testing.T) {
	var seen []int
	err := client().Call(t.Context(), "events", map[string]int{"N": 3}, nil, func(name string, raw json.RawMessage) {
		require.Equal(t, "stage", name)
		var e api.StageEvent
		require.NoError(t, json.Unmarshal(raw, &e))
		seen = append(seen, e.Done)
	})
	require.Equal(t, []int{0, 1, 2}, seen)
	require.ErrorIs(t, err, fault.Malformed, "an event without a name is refused")
}

func TestPanicNamesThePlace(t *testing.T) {
	err := client().Call(t.Context(), "panic", nil, nil, nil)
	require.ErrorIs(t, err, fault.Internal)
	require.ErrorContains(t, err, "index out of range")
	require.ErrorContains(t, err, "core/rpc/rpc_test.go:")
}

func TestBadRequests(t *testing.T) {
	for request, kind := range map[string]fault.Kind{
		"":                                     fault.Malformed,
		"[]":                                   fault.Malformed,
		`{"method":"nothing"}`:                 fault.Unsupported,
		`{"method":"events","params":{"M":1}}`: fault.Malformed,
		`{"method":"events","params":7}`:       fault.Malformed,
		`{"method":"unmarshalable"}`:           fault.Internal,
	} {
		err := rpc.DecodeResponse(rpc.NewServer(nil, testMethods()).Serve(t.Context(), nil, []byte(request)), nil)
		require.ErrorIs(t, err, kind, request)
	}
	require.ErrorIs(t, client().Call(t.Context(), "echo", func() {}, nil, nil), fault.Malformed)
	var n int
	require.ErrorIs(t, client().Call(t.Context(), "echo", "text", &n, nil), fault.Mismatch)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := client().Call(ctx, "stop", nil, nil, nil)
	require.ErrorIs(t, err, fault.Cancelled)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFaultsCrossWhole(t *testing.T) {
	err := client().Call(t.Context(), "missing", nil, nil, nil)
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.EqualError(t, err, "looking: nowhere: not found: file does not exist")
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.Missing, f.Kind)
}

// TestFailuresAreReported checks that the server's hook sees the error of each call that fails.
func TestFailuresAreReported(t *testing.T) {
	var seen []fault.Kind
	c := rpc.Local(rpc.NewServer(func(err error) { seen = append(seen, fault.KindOf(err)) }, testMethods()))
	require.NoError(t, c.Call(t.Context(), "echo", 1, nil, nil))
	require.Error(t, c.Call(t.Context(), "missing", nil, nil, nil))
	require.Error(t, c.Call(t.Context(), "panic", nil, nil, nil))
	require.Equal(t, []fault.Kind{fault.Missing, fault.Internal}, seen)
}

// TestTwoMethodsOfOneName is a programming mistake.
func TestTwoMethodsOfOneName(t *testing.T) {
	require.Panics(t, func() { rpc.NewServer(nil, testMethods(), testMethods()[:1]) })
}

func TestErrorInfo(t *testing.T) {
	full := &fault.Error{
		Kind:   fault.TooLarge,
		Where:  "w",
		Field:  "f",
		Detail: "d",
		Limit:  "l",
		Remedy: "r",
		Err:    errors.New("beneath"),
	}
	for _, err := range []error{
		full,
		fault.Missing,
		fmt.Errorf("a: %w", full),
		errors.Join(errors.New("plain"), full),
		blob.NotExist("x"),
	} {
		raw, jerr := json.Marshal(rpc.EncodeError(err))
		require.NoError(t, jerr)
		var info api.ErrorInfo
		require.NoError(t, json.Unmarshal(raw, &info))
		back := rpc.DecodeError(&info)
		require.Equal(t, err.Error(), back.Error())
		require.Equal(t, fault.KindOf(err), fault.KindOf(back))
		require.Equal(t, errors.Is(err, fs.ErrNotExist), errors.Is(back, fs.ErrNotExist))
	}
	require.ErrorIs(t, rpc.DecodeError(rpc.EncodeError(context.DeadlineExceeded)), fault.Cancelled)
	require.Nil(t, rpc.EncodeError(nil))
	require.NoError(t, rpc.DecodeError(nil))

	deep := error(full)
	for range 100 {
		deep = fmt.Errorf("%s: %w", strings.Repeat("x", 1000), deep)
	}
	raw, err := json.Marshal(rpc.EncodeError(deep))
	require.NoError(t, err)
	require.Less(t, len(raw), 200<<10)
}
