package host_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
)

// TestMemoryStaysLevel writes 20 drafts. From the third to the last, the guest's memory grows by at
// most a fifth, whether the model stays on the device or each call loads it.
func TestMemoryStaysLevel(t *testing.T) {
	store, evaluation := evaluation(t)
	for _, keep := range []bool{true, false} {
		sizes := draftSizes(t, store, evaluation, keep)
		t.Logf("keep %v: %d bytes", keep, sizes)
		require.LessOrEqual(t, float64(sizes[19]), 1.2*float64(sizes[2]))
	}
}

// draftSizes returns the size of the guest's memory after each of 20 drafts, in bytes.
func draftSizes(t *testing.T, store *blob.Mem, e api.EvaluateParams, keep bool) []uint32 {
	h := open(t, config(t).WithBlobs(store))
	p := api.WriteParams{Inference: api.Inference{Model: e.Model, Keep: keep, Source: e.Source}}
	p.Source.MaxItems = nil
	p.Sampling.MaxTokens = new(2)
	var sizes []uint32
	for i := range 20 {
		p.Sampling.Seed = uint32(i)
		require.NoError(t, h.Call(t.Context(), api.MethodWrite, p, nil, nil))
		sizes = append(sizes, h.MemorySize())
	}
	return sizes
}
