package gpu_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/gpu"
)

// slow is a device that takes perGroup for each workgroup, in a queue like that of a real device.
// Its tests run on the clock of testing/synctest: other load on the machine does not change them.
type slow struct {
	gpu.Dry
	perGroup time.Duration
	ends     []time.Time // of the submitted batches
	groups   []uint32    // of each batch with dispatches
	first    map[gpu.BindGroup]uint32
	shapes   map[gpu.Buffer]uint32
	ran      map[uint32]int // how often each workgroup ran
	most     int            // unfinished batches with dispatches at a time
}

func newSlow(perGroup time.Duration) *slow {
	return &slow{
		Dry: gpu.Dry{Limits: gpu.Info{
			CPU: true, MaxStorageBuffers: 8, MaxBindingSize: 1 << 20, MaxBufferSize: 1 << 20,
		}},
		perGroup: perGroup, first: map[gpu.BindGroup]uint32{}, shapes: map[gpu.Buffer]uint32{}, ran: map[uint32]int{},
	}
}

// Submit implements gpu.Device.
func (d *slow) Submit(b *gpu.Batch) error {
	var groups uint32
	for _, c := range b.Commands {
		switch c.Op {
		case gpu.OpWriteBuffer:
			if len(c.Data) == 4*gpu.ShapeWords {
				d.shapes[c.Buffer] = uint32(c.Data[4*firstWord]) | uint32(c.Data[4*firstWord+1])<<8
			}
		case gpu.OpCreateBindGroup:
			d.first[c.BindGroup] = d.shapes[c.Entries[0].Buffer]
		case gpu.OpDispatch:
			groups += c.Groups[0]
			for i := range c.Groups[0] {
				d.ran[d.first[c.BindGroup]+i]++
			}
		}
	}
	begin := time.Now()
	unfinished := 0
	for _, end := range d.ends {
		if end.After(begin) {
			begin = end
			unfinished++
		}
	}
	d.ends = append(d.ends, begin.Add(time.Duration(groups)*d.perGroup))
	if groups > 0 {
		d.groups = append(d.groups, groups)
		d.most = max(d.most, unfinished+1)
	}
	return nil
}

// Wait implements gpu.Device.
func (d *slow) Wait(ctx context.Context, unfinished int) error {
	if n := len(d.ends) - unfinished; n > 0 {
		time.Sleep(time.Until(d.ends[n-1]))
	}
	if ctx.Err() != nil {
		return fault.New(fault.Cancelled, "", "", "stopped")
	}
	return nil
}

// Read implements gpu.Device.
func (d *slow) Read(ctx context.Context, _ gpu.Buffer, _ int, _ []byte) error { return d.Wait(ctx, 0) }

// firstWord is the word of the kernel's Shape that divides a dispatch.
const firstWord = 3

// work returns a plan with n dispatches of this many workgroups, which claim to be quick.
func work(t *testing.T, g *gpu.Context, n int, groups uint32, divisible bool) *gpu.Plan {
	p := g.NewPlan("work")
	d := gpu.Dispatch{
		Program: &gpu.Program{Name: "work", Source: func() (string, error) { return "work", nil }},
		Groups:  func(*gpu.Replay) [3]uint32 { return [3]uint32{groups, 1, 1} },
		Flops:   func(*gpu.Replay) float64 { return 1e4 * float64(groups) },
	}
	if divisible {
		d.First = firstWord
	}
	for range n {
		p.Add(d)
	}
	require.NoError(t, p.Compile())
	return p
}

// Submits become as small as the device is slow, and few of them are unfinished at a time.
func TestSubmitsFollowTheSpeedOfTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(200 * time.Microsecond)
		p := work(t, gpu.NewContext(d), 200, 10, false) // 2 ms each, and 25 µs by the first estimate
		var shares []float64
		require.NoError(t, p.Run(t.Context(), &gpu.Replay{}, func(share float64) { shares = append(shares, share) }))
		require.NoError(t, p.Run(t.Context(), &gpu.Replay{}, nil))
		for _, groups := range d.groups[len(d.groups)-5 : len(d.groups)-1] {
			require.InDelta(t, 250, groups, 10, "%v", d.groups) // 50 ms
		}
		require.LessOrEqual(t, d.most, 3)
		require.IsIncreasing(t, shares)
		require.Less(t, shares[len(shares)-1], 1.)
	})
}

// A dispatch that would take long is divided, and each of its workgroups runs once.
func TestLongDispatchesAreDivided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(2 * time.Millisecond)
		p := work(t, gpu.NewContext(d), 1, 300, true)
		for range 4 {
			require.NoError(t, p.Run(t.Context(), &gpu.Replay{}, nil))
		}
		require.Len(t, d.ran, 300)
		for group, times := range d.ran {
			require.Equal(t, 4, times, "workgroup %d", group)
		}
		require.LessOrEqual(t, d.groups[len(d.groups)-1], uint32(32))
	})
}

// A cancelled run ends while at most a few submits are unfinished.
func TestCancelledRunsEndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSlow(time.Millisecond)
		p := work(t, gpu.NewContext(d), 400, 10, false) // 4 s
		require.NoError(t, work(t, gpu.NewContext(d), 1, 1, false).Run(t.Context(), &gpu.Replay{}, nil))
		const after = 700 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, p.Run(ctx, &gpu.Replay{}, nil), fault.Cancelled)
		require.Less(t, time.Since(begun)-after, 150*time.Millisecond)
		require.Less(t, time.Until(d.ends[len(d.ends)-1]), 150*time.Millisecond)
	})
}
