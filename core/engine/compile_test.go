package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
)

// lazy is a device that accepts pipelines at once and compiles them when it is waited for. Its
// clock stands still otherwise.
type lazy struct {
	gpu.Dry
	each    time.Duration // of a pipeline
	pending int
	waits   int
	now     time.Time
}

func (d *lazy) Submit(b *gpu.Batch) error {
	for _, c := range b.Commands {
		if c.Op == gpu.OpCreatePipeline {
			d.pending++
		}
	}
	return nil
}

func (d *lazy) Read(ctx context.Context, _ gpu.Buffer, _ int, _ []byte) error {
	d.now = d.now.Add(time.Duration(d.pending) * d.each)
	d.pending = 0
	d.waits++
	if ctx.Err() != nil {
		return fault.New(fault.Cancelled, "", "", "stopped")
	}
	return nil
}

// compiling returns an engine on d with a method that compiles a plan of n programs.
func compiling(d *lazy, n int) (*Engine, rpc.Method) {
	d.Limits = gpu.Info{MaxStorageBuffers: 8, MaxBindingSize: 1 << 20}
	e := New(Host{GPU: gpu.NewContext(d), Clock: func() time.Time { return d.now }})
	return e, e.Method("compile", func(_ context.Context, env *Env, _ *rpc.Call) (any, error) {
		for range 2 { // the second plan has nothing new
			p := env.GPU.NewPlan("p")
			for i := range n {
				name := fmt.Sprint("program ", i)
				p.Add(gpu.Dispatch{
					Program: &gpu.Program{Name: name, Source: func() (string, error) { return name, nil }},
					Groups:  func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
				})
			}
			if err := p.Compile(); err != nil {
				return nil, err
			}
			p.Free()
		}
		return nil, nil
	})
}

// TestCompilingIsReported: a device that compiles for long is reported at least every second, and
// one that is quick is hardly waited for.
func TestCompilingIsReported(t *testing.T) {
	for _, c := range []struct {
		each          time.Duration
		events, waits int // at least, at most
	}{{600 * time.Millisecond, 40, 40}, {100 * time.Millisecond, 13, 40}, {time.Millisecond, 0, 6}} {
		d := &lazy{each: c.each}
		e, m := compiling(d, 40)
		last, events := d.now, 0
		client := rpc.Local(e.NewServer([]rpc.Method{m}))
		err := client.Call(t.Context(), "compile", struct{}{}, nil, func(name string, raw json.RawMessage) {
			var p api.ProgressEvent
			require.NoError(t, json.Unmarshal(raw, &p))
			require.Equal(t, []string{api.EventProgress, api.StageCompile}, []string{name, p.Stage})
			require.Equal(t, 40, p.Total)
			require.Equal(t, float64(d.now.Sub(time.Time{})/c.each), p.Done)
			require.LessOrEqual(t, d.now.Sub(last), time.Second)
			last = d.now
			events++
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, events, c.events, c.each)
		require.LessOrEqual(t, d.waits, c.waits, c.each)
		require.LessOrEqual(t, d.now.Sub(last), time.Second)
		require.Zero(t, d.pending)
		require.Nil(t, e.GPU.OnCompile)
	}
}

// TestCompilingCanBeCancelled ends a compilation that nobody waits for.
func TestCompilingCanBeCancelled(t *testing.T) {
	d := &lazy{each: time.Second}
	e, m := compiling(d, 40)
	ctx, cancel := context.WithCancel(t.Context())
	client := rpc.Local(e.NewServer([]rpc.Method{m}))
	err := client.Call(ctx, "compile", struct{}{}, nil, func(string, json.RawMessage) { cancel() })
	require.ErrorIs(t, err, fault.Cancelled)
	require.Less(t, d.waits, 5)
}
