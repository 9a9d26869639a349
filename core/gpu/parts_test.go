package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPartsAreBounded divides a dispatch at many different workgroups, as a device does whose speed
// changes: bind groups and Shapes are limited, a Shape that another plan uses stays, and nothing is
// left at the end.
func TestPartsAreBounded(t *testing.T) {
	c := NewContext(Dry{Limits: Info{MaxStorageBuffers: 8, MaxBindingSize: 1 << 20}})
	plan := func() *Plan {
		p := c.NewPlan("p")
		p.Add(Dispatch{
			Program: &Program{Name: "work", Source: func() (string, error) { return "work", nil }},
			Shape:   Shape{7}, First: 2,
			Groups: func(*Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
		})
		require.NoError(t, p.Compile())
		return p
	}
	p, other := plan(), plan()
	held := other.part(&other.steps[0], 1<<10)
	for first := uint32(1); first < 5000; first++ {
		s := &p.steps[0]
		g := p.part(s, first)
		require.Equal(t, g, p.part(s, first), "the newest part is kept")
		require.LessOrEqual(t, len(c.groups), 3+maxParts)
		require.LessOrEqual(t, len(c.shapes), 2+maxParts)
		require.Contains(t, c.groups, g)
	}
	require.Contains(t, c.shapes, Shape{7, 0, 1 << 10})
	require.Contains(t, c.groups, held)
	require.Equal(t, other.steps[0].group, other.part(&other.steps[0], 0))
	p.Free()
	require.Contains(t, c.shapes, Shape{7, 0, 1 << 10})
	other.Free()
	require.Empty(t, c.groups)
	require.Empty(t, c.shapes)
	require.Zero(t, c.LiveBuffers())
	leaked, err := c.Close()
	require.NoError(t, err)
	require.Empty(t, leaked)
}
