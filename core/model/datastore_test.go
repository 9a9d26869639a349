//go:build !wasm

package model_test

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/datastore"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/native/nativetest"
)

// recall is p_d of a datastore in plain Go.
func recall(d *datastore.Datastore, state []float32, token int32) float64 {
	norm := 0.
	for _, v := range state {
		norm += float64(v) * float64(v)
	}
	var same, all float64
	for i, id := range d.Tokens {
		cosine := 0.
		for k, v := range state {
			cosine += float64(v) * float64(d.Keys[i*d.Width+k])
		}
		w := math.Exp(d.Sharpness * (cosine/math.Sqrt(norm) - 1))
		all += w
		if id == token {
			same += w
		}
	}
	return same / all
}

// TestDatastore makes a datastore of more than one chunk from random samples. The probabilities of a
// step, and the logits of a decoder, are those of plain Go with the hidden states of an Encoder.
func TestDatastore(t *testing.T) {
	ctx := context.Background()
	g := nativetest.Open(t, blob.FromFS(os.DirFS(oracle)))
	m := load(t, g, blob.FromFS(os.DirFS(oracle)), "gqa")
	defer m.Free()
	width, vocab := m.Config.HiddenSize, m.Config.VocabSize
	ids := func(seed, n int) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = int32((seed*31 + i*i*7 + i) % vocab)
		}
		return out
	}
	var samples []causal.Sample
	var tokens []int32
	for i := range 30 {
		s := causal.Sample{With: ids(i, 5+i%4), Without: ids(i+1, 4), Response: ids(i+2, 36+i%3)}
		samples = append(samples, s)
		tokens = append(tokens, s.Response...)
	}
	packed := causal.Pack(samples, 0, false)
	e, err := m.NewEncoder(packed.Tokens())
	require.NoError(t, err)
	states, err := e.Run(ctx, packed, 0)
	require.NoError(t, err)
	d := datastore.New(states, tokens, width)
	d.Share, d.Sharpness = .3, 20
	require.Greater(t, len(d.Tokens), 1024)

	store, err := m.NewDatastore(d)
	require.NoError(t, err)
	query := causal.Sample{With: ids(9, 7), Without: ids(3, 4), Response: ids(4, 9)}
	both := causal.Pack([]causal.Sample{query, samples[0]}, 0, true)
	step, err := m.NewStep(model.StepSpec{MaxTokens: both.Tokens(), MaxResponses: both.Responses(), Dual: true,
		Objective: causal.Options{Expert: causal.Self}, Datastore: store})
	require.NoError(t, err)
	require.NoError(t, step.Run(ctx, both, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, 0))
	got, err := step.Recalled(ctx, both.Responses())
	require.NoError(t, err)
	one := causal.Pack([]causal.Sample{query, samples[0]}, 0, false)
	states, err = e.Run(ctx, one, 0)
	require.NoError(t, err)
	for i, y := range one.Targets {
		require.InDelta(t, recall(d, states[i*width:(i+1)*width], int32(y)), got[i], 1e-4, "token %d", i)
	}

	logits := func(s *model.Datastore) []float32 {
		dec, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 8, MaxNew: 1, Datastore: s})
		require.NoError(t, err)
		defer dec.Free()
		require.NoError(t, dec.Start(ctx, query.With, nil, greedy, 0, 0))
		z, err := dec.Logits(ctx)
		require.NoError(t, err)
		return z[0]
	}
	plain, mixed := logits(nil), logits(store)
	sum := 0.
	for _, z := range plain {
		sum += math.Exp(float64(z))
	}
	for v, z := range plain {
		p := (1-d.Share)*math.Exp(float64(z))/sum + d.Share*recall(d, states[:width], int32(v))
		require.InDelta(t, math.Log(p)+math.Log(sum), mixed[v], 2e-3, "token %d", v)
	}
	step.Free()
	e.Free()
	store.Free()
}
