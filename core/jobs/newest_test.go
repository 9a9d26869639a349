//go:build !wasm

package jobs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/model"
	"nextquill/models"
	"nextquill/native/nativetest"
)

// TestNewest keeps the newest tokens of more than a datastore holds, also if the last text alone
// has more.
func TestNewest(t *testing.T) {
	for _, c := range []struct {
		responses        []int
		kept, skip, left int
	}{
		{nil, 0, 0, 0},
		{[]int{10, 20}, 2, 0, 0},
		{[]int{7, 32768}, 1, 0, 7},
		{[]int{7, 32767}, 2, 6, 6},
		{[]int{10, 40000}, 1, 7232, 7242},
		{[]int{10, 30000, 5000}, 2, 2232, 2242},
	} {
		var samples []causal.Sample
		for _, n := range c.responses {
			samples = append(samples, causal.Sample{Response: make([]int32, n)})
		}
		kept, skip, left := newest(samples)
		require.Equal(t, []int{c.kept, c.skip, c.left}, []int{len(kept), skip, left}, c.responses)
		if c.kept > 0 {
			require.Len(t, kept[c.kept-1].Response, c.responses[len(c.responses)-1])
		}
	}
}

// TestSkippedTokens leaves the first tokens out of a datastore, and changes no other.
func TestSkippedTokens(t *testing.T) {
	ctx := t.Context()
	store := blob.NewMem(nil)
	for _, name := range []string{"config.json", "model.gguf"} {
		raw, err := blob.ReadAll(ctx, blob.FromFS(models.DefaultFS()), name, 1<<30)
		require.NoError(t, err)
		require.NoError(t, store.Write(ctx, "model/"+name, raw))
	}
	env := engine.New(engine.Host{GPU: nativetest.Open(t, store), Blobs: store}).Env(func(any) error { return nil })
	m, err := env.OpenModel(ctx, "model", "", model.LoadOptions{})
	require.NoError(t, err)
	defer m.Free()
	samples := []causal.Sample{
		{With: []int32{1, 5}, Without: []int32{1}, Response: []int32{40, 9, 30, 20}},
		{With: []int32{1}, Without: []int32{1}, Response: []int32{30, 8}},
	}
	all, err := rememberSamples(ctx, env, m.Model, samples, 0, api.DefaultDatastore(), "")
	require.NoError(t, err)
	require.Equal(t, []int32{8, 9, 20, 30, 30, 40}, all.Tokens)
	require.Equal(t, m.Fingerprint, all.Base)
	some, err := rememberSamples(ctx, env, m.Model, samples, 2, api.DefaultDatastore(), "")
	require.NoError(t, err)
	require.Equal(t, []int32{8, 20, 30, 30}, some.Tokens)
	width := m.Config.HiddenSize
	key := func(keys []float32, i int) []float32 { return keys[i*width : (i+1)*width] }
	for i, at := range []int{0, 2, 3, 4} {
		require.Equal(t, key(all.Keys, at), key(some.Keys, i))
	}
}
