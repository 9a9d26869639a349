package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// TestPauseYields checks that Pause gives the host a turn, and notices a cancellation in it.
func TestPauseYields(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	turns := 0
	e := New(Host{Yield: func(context.Context) error {
		if turns++; turns == 2 {
			cancel()
		}
		return nil
	}})
	require.NoError(t, e.Pause(ctx))
	require.ErrorIs(t, e.Pause(ctx), fault.Cancelled)
	require.ErrorIs(t, e.Pause(ctx), fault.Cancelled)
	require.Equal(t, 2, turns)
}

func TestNow(t *testing.T) {
	require.WithinDuration(t, time.Now(), New(Host{}).Now(), time.Minute)
	at := time.Date(2024, 7, 6, 5, 4, 3, 0, time.UTC)
	require.Equal(t, at, New(Host{Clock: func() time.Time { return at }}).Now())
}

// fullStore refuses writes while it is full.
type fullStore struct {
	blob.Store
	full bool
}

func (s *fullStore) Write(ctx context.Context, name string, data []byte) error {
	if s.full {
		return fault.New(fault.Storage, name, "", "full")
	}
	return s.Store.Write(ctx, name, data)
}

// TestTunesAreSavedLater: kernel variants that could not be stored are stored by the next model
// that is opened, and another engine reads them instead of measuring.
func TestTunesAreSavedLater(t *testing.T) {
	device := gpu.NewContext(gpu.Dry{Limits: gpu.Info{Name: "a device"}})
	store := &fullStore{Store: &blob.Mem{}, full: true}
	open := func() *Env {
		return New(Host{GPU: device, Blobs: store}).Env(func(event any) error {
			t.Fatalf("measured again: %v", event)
			return nil
		})
	}
	env := open()
	tune := kernels.DefaultTune(device.Info())
	require.True(t, tune.Valid(device.Info()))
	env.tunes.byDevice = map[string]kernels.Tune{"a device": tune}
	env.tunes.save(t.Context(), store)
	require.True(t, env.tunes.unsaved)
	store.full = false
	_, err := env.Tune(t.Context())
	require.NoError(t, err)
	require.False(t, env.tunes.unsaved)
	_, err = open().Tune(t.Context())
	require.NoError(t, err)
}

// TestMegabytes checks the format of memory in messages.
func TestMegabytes(t *testing.T) {
	require.Equal(t, "0.1 MB", megabytes(100_000))
	require.Equal(t, "10 MB", megabytes(10_000_000))
	require.Equal(t, "needs 3.0 MB (base 1.0 MB, cache 2.0 MB)",
		describe(api.MemoryEvent{Memory: api.Memory{Base: 1e6, Cache: 2e6}, Peak: 3e6}))
}
