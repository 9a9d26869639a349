package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/models"
	"nextquill/native"
	"nextquill/samples"
	"nextquill/wasm/conformance"
	"nextquill/wasm/host"
)

// evaluation is a call of the guest that ships: the embedded model scores a text of the sample
// author.
func evaluation(t *testing.T) (*blob.Mem, api.EvaluateParams) {
	blobs := map[string][]byte{}
	for folder, fsys := range map[string]fs.FS{"model": models.DefaultFS(), "sample": samples.Bierce()} {
		require.NoError(t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				blobs[folder+"/"+name], err = fs.ReadFile(fsys, name)
			}
			return err
		}))
	}
	var p api.EvaluateParams
	p.Model = "model"
	p.Source = api.Source{
		History: "sample/history.jsonl", MaxItems: new(2), Heldout: "sample/heldout.jsonl", MaxHeldout: new(1),
	}
	return blob.NewMem(blobs), p
}

func TestCancelBetweenOperations(t *testing.T) {
	store, params := evaluation(t)
	t.Run("evaluate", func(t *testing.T) {
		requireCancels(t, open(t, config(t).WithBlobs(store)), api.MethodEvaluate, params, 1)
	})
	t.Run("kernel cases", func(t *testing.T) {
		requireCancels(t, open(t, testConfig(t)), api.MethodKernelCases, nil, 1)
	})
}

// requireCancels cancels calls of a method at their first event, and expects so many events.
func requireCancels(t *testing.T, h *host.Host, method string, params any, want int) {
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		events := 0
		err := h.Call(ctx, method, params, nil, func(string, json.RawMessage) {
			events++
			cancel()
		})
		require.ErrorIs(t, err, fault.Cancelled)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, want, events)
		require.NoError(t, h.Call(t.Context(), "echo", 1, nil, nil), "the host stays usable")
	}
	requireNothingLeft(t, h)

	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	require.ErrorIs(t, h.Call(ctx, "echo", 1, nil, nil), fault.Cancelled)
}

// stuck is a store whose writes block until the caller cancels.
type stuck struct {
	blob.Mem
	started chan struct{}
	deleted int
}

func (s *stuck) Write(ctx context.Context, name string, data []byte) error {
	if err := s.Mem.Write(ctx, name, data); err != nil {
		return err
	}
	close(s.started)
	<-ctx.Done()
	return ctx.Err()
}

func (s *stuck) Delete(ctx context.Context, name string) error {
	s.deleted++
	return s.Mem.Delete(ctx, name)
}

// TestCancelDuringAnOperation: the operation ends, and operations that the method needs for
// cleaning up are still performed.
func TestCancelDuringAnOperation(t *testing.T) {
	store := &stuck{started: make(chan struct{})}
	h := open(t, testConfig(t).WithBlobs(store))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-store.started
		cancel()
	}()
	err := h.Call(ctx, "conformance", conformance.Params{Filter: "blob: written"}, nil, nil)
	require.ErrorIs(t, err, fault.Cancelled)
	require.Equal(t, 1, store.deleted)
	names, err := store.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, h.Call(t.Context(), "echo", 1, nil, nil))
}

func TestCallsTakeTurns(t *testing.T) {
	store, params := evaluation(t)
	h := open(t, config(t).WithBlobs(store))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				var got int
				if err := h.Call(t.Context(), "echo", i, &got, nil); err != nil || got != i {
					t.Errorf("echo of %d gave %d, %v", i, got, err)
				}
			}
		})
	}
	wg.Wait()

	started, release := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		var once sync.Once
		_ = h.Call(t.Context(), "evaluate", params, nil, func(string, json.RawMessage) {
			once.Do(func() { close(started) })
			<-release
		})
	})
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.Call(ctx, "echo", 1, nil, nil), fault.Cancelled, "waiting for a turn ends with the context")
	close(release)
	wg.Wait()
}

// lost is a device that is lost.
type lost struct{ gpu.Device }

func (lost) Read(context.Context, gpu.Buffer, int, []byte) error {
	return &fault.Error{
		Kind: fault.DeviceLost, Where: "device", Field: "kernel add", Detail: "gone",
		Limit: "2 s", Remedy: "run again", Err: errors.New("driver says no"),
	}
}

func TestDeviceFaultsCrossComplete(t *testing.T) {
	store, params := evaluation(t)
	device := lost{openNative(t, store)}
	t.Run("evaluate", func(t *testing.T) {
		c := config(t).WithBlobs(store).WithDevice(device)
		requireDeviceFault(t, open(t, c), api.MethodEvaluate, params)
	})
	t.Run("kernel cases", func(t *testing.T) {
		requireDeviceFault(t, open(t, testConfig(t).WithDevice(device)), api.MethodKernelCases, nil)
	})
}

func requireDeviceFault(t *testing.T, h *host.Host, method string, params any) {
	err := h.Call(t.Context(), method, params, nil, nil)
	require.ErrorIs(t, err, &fault.Error{Kind: fault.DeviceLost, Where: "device", Field: "kernel add"})
	require.EqualError(t, err, "device: kernel add: gone (limit 2 s): driver says no; run again")
	require.NoError(t, h.Call(t.Context(), "echo", 1, nil, nil))
}

// flaky is a device that refuses one batch.
type flaky struct {
	*testing.T
	*native.Device
	refuse int // which
}

func (f *flaky) Submit(b *gpu.Batch) error {
	if f.refuse--; f.refuse == 0 {
		huge := gpu.Command{Op: gpu.OpCreateBuffer, Buffer: 1 << 30, Size: 1 << 60, Usage: gpu.Storage}
		bad := append([]gpu.Command{huge}, b.Commands...)
		err := f.Device.Submit(&gpu.Batch{Commands: bad})
		require.ErrorIs(f, err, fault.DeviceLimit)
		return err
	}
	return f.Device.Submit(b)
}

// TestOneFailureDoesNotSpread: the objects of a refused batch were never created, and later batches
// do not use them.
func TestOneFailureDoesNotSpread(t *testing.T) {
	for refuse := 1; refuse < 8; refuse++ {
		h := open(t, testConfig(t).WithDevice(&flaky{t, openNative(t, nil), refuse}))
		var sum api.KernelCasesResult
		require.NoError(t, h.Call(t.Context(), "kernel-cases", api.KernelCasesParams{Filter: "^add"}, &sum, nil))
		require.Equal(t, 1, sum.Failed, "batch %d", refuse)
		require.Equal(t, 5, sum.Passed, "batch %d", refuse)
		requireNothingLeft(t, h)
	}
}

// TestGuestOutOfMemory: Go's runtime stops; the host says why, and another host can be opened.
func TestGuestOutOfMemory(t *testing.T) {
	c := config(t).WithMemoryLimit(24 << 20).WithDevice(openNative(t, nil))
	h := open(t, c)
	err := h.Call(t.Context(), "echo", make([]byte, 8<<20), nil, nil)
	require.ErrorIs(t, err, fault.Internal)
	require.ErrorContains(t, err, "out of memory")
	require.ErrorIs(t, h.Call(t.Context(), "echo", 1, nil, nil), fault.Internal)
	require.NoError(t, open(t, c).Call(t.Context(), "echo", 1, nil, nil))
}
