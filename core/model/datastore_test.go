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
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// recall is p_d of a datastore in plain Go. before are the states before the tokens of the text
// itself.
func recall(d *datastore.Datastore, state []float32, token int32, before []float32, tokens []uint32) float64 {
	norm := length(state)
	var same, all float64
	add := func(key []float32, id int32, boost float64) {
		cosine := 0.
		for k, v := range state {
			cosine += float64(v) * float64(key[k])
		}
		w := math.Exp(d.Sharpness*(cosine/norm/length(key)-1) + boost)
		all += w
		if id == token {
			same += w
		}
	}
	for i, id := range d.Tokens {
		add(d.Keys[i*d.Width:(i+1)*d.Width], id, 0)
	}
	for i, id := range tokens {
		add(before[i*d.Width:(i+1)*d.Width], int32(id), d.Boost)
	}
	return same / all
}

func length(v []float32) float64 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// headLogits is the product of the head [vocabulary, width] with a hidden state.
func headLogits(head, state []float32) []float64 {
	out := make([]float64, len(head)/len(state))
	for v := range out {
		for k, x := range state {
			out[v] += float64(x) * float64(head[v*len(state)+k])
		}
	}
	return out
}

// TestDatastore makes a datastore of more than one chunk from random samples. The probabilities of
// a step, and the logits of a decoder, are those of plain Go with the hidden states of an Encoder.
func TestDatastore(t *testing.T) {
	ctx := context.Background()
	g := nativetest.Open(t, blob.FromFS(os.DirFS(oracle)))
	m := load(t, g, blob.FromFS(os.DirFS(oracle)), "gqa")
	defer m.Free()
	width, vocab := m.Config.HiddenSize, m.Config.VocabSize
	source, err := weights.OpenModel(ctx, blob.FromFS(os.DirFS(oracle)), "models/gqa")
	require.NoError(t, err)
	head, err := source.ReadF32(ctx, weights.HeadName)
	require.NoError(t, err)
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
	states, err := e.Run(ctx, packed, nil)
	require.NoError(t, err)
	d := datastore.New(states, tokens, width)
	d.Share, d.Sharpness, d.Boost = .3, 20, 1
	require.Greater(t, len(d.Tokens), 1024)

	store, err := m.NewDatastore(d)
	require.NoError(t, err)
	query := causal.Sample{With: ids(9, 7), Without: ids(3, 4), Response: ids(4, 9)}
	both := causal.Pack([]causal.Sample{query, samples[0]}, 0, true)
	step, err := m.NewStep(model.StepSpec{MaxTokens: both.Tokens(), MaxResponses: both.Responses(), Dual: true,
		Objective: causal.Options{Expert: causal.Self}, Datastore: store})
	require.NoError(t, err)
	require.NoError(t, step.Run(ctx, both, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, nil))
	got, err := step.Recalled(ctx, both.Responses())
	require.NoError(t, err)
	one := causal.Pack([]causal.Sample{query, samples[0]}, 0, false)
	states, err = e.Run(ctx, one, nil)
	require.NoError(t, err)
	first := 0
	for i, y := range one.Targets {
		if one.Index[i] == 0 {
			first = i
		}
		want := recall(d, states[i*width:(i+1)*width], int32(y), states[first*width:i*width], one.Targets[first:i])
		require.InDelta(t, want, got[i], 1e-4, "token %d", i)
	}

	// The decoder writes four tokens. Those without a datastore give the logits to mix with.
	logits := func(s *model.Datastore) (z [][]float32, ids []uint32) {
		dec, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 16, MaxNew: 4, Datastore: s})
		require.NoError(t, err)
		defer dec.Free()
		require.NoError(t, dec.Start(ctx, query.With, nil, greedy, 0, nil))
		for {
			one, err := dec.Logits(ctx)
			require.NoError(t, err)
			z = append(z, one[0])
			if dec.Count() == 4 {
				break
			}
			require.NoError(t, dec.Next(ctx, 0))
		}
		sampled, err := dec.Sampled(ctx, 0)
		require.NoError(t, err)
		for _, token := range sampled {
			ids = append(ids, token.ID)
		}
		return z, ids
	}
	mixed, ids4 := logits(store)
	written := causal.Sample{With: query.With, Without: query.With}
	for _, id := range ids4 {
		written.Response = append(written.Response, int32(id))
	}
	pack := causal.Pack([]causal.Sample{written}, 0, false)
	states, err = e.Run(ctx, pack, nil)
	require.NoError(t, err)
	for i := range mixed {
		plain := headLogits(head, states[i*width:(i+1)*width])
		sum := 0.
		for _, z := range plain {
			sum += math.Exp(z)
		}
		for v, z := range plain {
			p := (1-d.Share)*math.Exp(z)/sum +
				d.Share*recall(d, states[i*width:(i+1)*width], int32(v), nil, nil)
			require.InDelta(t, math.Log(p)+math.Log(sum), mixed[i][v], 2e-3, "step %d, token %d", i, v)
		}
	}

	// With steering, the steered logits are mixed.
	dual := func(s *model.Datastore) [][]float32 {
		dec, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 16, MaxNew: 1, Datastore: s, Dual: true})
		require.NoError(t, err)
		defer dec.Free()
		steered := greedy
		steered.Steer = 1.5
		require.NoError(t, dec.Start(ctx, query.With, query.Without, steered, 0, nil))
		z, err := dec.Logits(ctx)
		require.NoError(t, err)
		return z
	}
	plain, got2, sum := dual(nil), dual(store), 0.
	z := make([]float64, vocab)
	for v := range z {
		z[v] = 2.5*float64(plain[0][v]) - 1.5*float64(plain[1][v])
		sum += math.Exp(z[v])
	}
	require.Equal(t, got2[0], got2[1], "sampling steers no further")
	for v := range z {
		p := (1-d.Share)*math.Exp(z[v])/sum + d.Share*recall(d, states[:width], int32(v), nil, nil)
		require.InDelta(t, math.Log(p)+math.Log(sum), got2[0][v], 5e-3, "token %d", v)
	}
	step.Free()
	e.Free()
	store.Free()
}
