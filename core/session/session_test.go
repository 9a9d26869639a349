package session_test

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
	"nextquill/core/session"
)

func init() {
	session.Register("test-panic", func(context.Context, *session.Env, json.RawMessage) (any, error) {
		var none []int
		return none[3], nil
	})
	session.Register("test-unmarshalable", func(context.Context, *session.Env, json.RawMessage) (any, error) {
		return func() {}, nil
	})
	session.Register("test-events", func(_ context.Context, env *session.Env, params json.RawMessage) (any, error) {
		var p struct{ N int }
		if err := session.Decode(params, &p); err != nil {
			return nil, err
		}
		for i := range p.N {
			if err := env.Emit(api.StageEvent{Event: "stage", Done: i}); err != nil {
				return nil, err
			}
		}
		return p.N, env.Emit(struct{ X int }{1})
	})
	session.Register("test-stop", func(ctx context.Context, env *session.Env, _ json.RawMessage) (any, error) {
		return nil, env.Pause(ctx)
	})
	session.Register("test-missing", func(ctx context.Context, env *session.Env, _ json.RawMessage) (any, error) {
		_, err := env.Blobs.Size(ctx, "nowhere")
		return nil, fmt.Errorf("looking: %w", err)
	})
}

func client() api.Client { return session.Local(&session.Env{Blobs: &blob.Mem{}}) }

func TestEcho(t *testing.T) {
	var got map[string]any
	require.NoError(t, client().Call(t.Context(), "echo", map[string]any{"a": "é", "b": []int{1}}, &got, nil))
	require.Equal(t, map[string]any{"a": "é", "b": []any{1.0}}, got)
	require.NoError(t, client().Call(t.Context(), "echo", nil, nil, nil))
}

func TestEventsArriveInOrder(t *testing.T) {
	var seen []int
	err := client().Call(t.Context(), "test-events", map[string]int{"N": 3}, nil, func(name string, raw json.RawMessage) {
		require.Equal(t, "stage", name)
		var e api.StageEvent
		require.NoError(t, json.Unmarshal(raw, &e))
		seen = append(seen, e.Done)
	})
	require.Equal(t, []int{0, 1, 2}, seen)
	require.ErrorIs(t, err, fault.Malformed, "an event without a name is refused")
}

func TestPanicNamesThePlace(t *testing.T) {
	err := client().Call(t.Context(), "test-panic", nil, nil, nil)
	require.ErrorIs(t, err, fault.Internal)
	require.ErrorContains(t, err, "index out of range")
	require.ErrorContains(t, err, "core/session/session_test.go:")
}

func TestBadRequests(t *testing.T) {
	for request, kind := range map[string]fault.Kind{
		"":                     fault.Malformed,
		"[]":                   fault.Malformed,
		`{"method":"nothing"}`: fault.Unsupported,
		`{"method":"kernel-cases","params":{"filtre":""}}`:  fault.Malformed,
		`{"method":"kernel-cases","params":{"filter":"("}}`: fault.Malformed,
		`{"method":"test-unmarshalable"}`:                   fault.Internal,
	} {
		err := session.DecodeResponse(session.Serve(t.Context(), &session.Env{}, []byte(request)), nil)
		require.ErrorIs(t, err, kind, request)
	}
	require.ErrorIs(t, client().Call(t.Context(), "echo", func() {}, nil, nil), fault.Malformed)
	var n int
	require.ErrorIs(t, client().Call(t.Context(), "echo", "text", &n, nil), fault.Mismatch)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := client().Call(ctx, "test-stop", nil, nil, nil)
	require.ErrorIs(t, err, fault.Cancelled)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFaultsCrossWhole(t *testing.T) {
	err := client().Call(t.Context(), "test-missing", nil, nil, nil)
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.EqualError(t, err, "looking: nowhere: not found: file does not exist")
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.Missing, f.Kind)
}

func TestErrorInfo(t *testing.T) {
	full := &fault.Error{Kind: fault.TooLarge, Where: "w", Field: "f", Detail: "d", Limit: "l", Remedy: "r", Err: errors.New("beneath")}
	for _, err := range []error{
		full,
		fault.Missing,
		fmt.Errorf("a: %w", full),
		errors.Join(errors.New("plain"), full),
		blob.NotExist("x"),
	} {
		raw, jerr := json.Marshal(session.EncodeError(err))
		require.NoError(t, jerr)
		var info api.ErrorInfo
		require.NoError(t, json.Unmarshal(raw, &info))
		back := session.DecodeError(&info)
		require.Equal(t, err.Error(), back.Error())
		require.Equal(t, fault.KindOf(err), fault.KindOf(back))
		require.Equal(t, errors.Is(err, fs.ErrNotExist), errors.Is(back, fs.ErrNotExist))
	}
	require.ErrorIs(t, session.DecodeError(session.EncodeError(context.DeadlineExceeded)), fault.Cancelled)
	require.Nil(t, session.EncodeError(nil))
	require.NoError(t, session.DecodeError(nil))

	deep := error(full)
	for range 100 {
		deep = fmt.Errorf("%s: %w", strings.Repeat("x", 1000), deep)
	}
	raw, err := json.Marshal(session.EncodeError(deep))
	require.NoError(t, err)
	require.Less(t, len(raw), 200<<10)
}
