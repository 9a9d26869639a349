package model

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
)

// Mixed stays finite where the model's probability is 0 in float64.
func TestMixed(t *testing.T) {
	s := &Datastore{spec: kernels.DatastoreSpec{Share: .25}}
	require.InDelta(t, math.Log(.75*.5+.25*.1), s.Mixed(float32(math.Log(.5)), .1), 1e-6)
	require.InDelta(t, -2000+math.Log(.75), s.Mixed(-2000, 0), 1e-3)
	require.InDelta(t, math.Log(.25*.5), s.Mixed(-2000, .5), 1e-6)
	s.spec.Share = 0
	require.InDelta(t, -3, s.Mixed(-3, .5), 1e-6)
}
