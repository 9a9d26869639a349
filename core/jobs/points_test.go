//go:build !wasm

package jobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// TestEvaluatePoints scores mixtures of the branches. Those at the ends equal what evaluate gives
// with and without history, temperature has its optimum inside, and every token has a score.
func TestEvaluatePoints(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := api.EvaluateParams{Inference: api.Inference{Model: "model", Source: smallSource, Retrieval: smallRetrieval}}
	var with, without, mixed api.EvaluateResult
	require.NoError(t, j.client.Call(ctx, "evaluate", p, &with, nil))
	p.Points = []api.Point{{Steer: 1, Temperature: 1}, {Steer: 0, Temperature: 1}, {Steer: .5, Temperature: 1},
		{Steer: 1, Temperature: .2}, {Steer: 1, Temperature: 5}}
	require.NoError(t, j.client.Call(ctx, "evaluate", p, &mixed, nil))
	require.Equal(t, with.Loss, mixed.Loss)
	loss := func(at int) (nats float64) {
		for _, it := range mixed.Items {
			require.Len(t, it.Points[at].Logp, it.Tokens)
			require.LessOrEqual(t, it.Points[at].Correct, it.Tokens)
			for _, logp := range it.Points[at].Logp {
				nats -= float64(logp)
			}
		}
		return nats / float64(mixed.Tokens)
	}
	require.InDelta(t, with.Loss, loss(0), 1e-6)
	require.Greater(t, loss(3), with.Loss)
	require.Greater(t, loss(4), with.Loss)
	// Between z^0 and z^h the loss is convex in s.
	require.Less(t, loss(2), (loss(0)+loss(1))/2+1e-6)

	// z^0 is the prompt with "None" as its history, as the first pass of no_history has it.
	p.Points, p.NoHistory = []api.Point{{Steer: 1, Temperature: 1}}, true
	require.NoError(t, j.client.Call(ctx, "evaluate", p, &without, nil))
	require.InDelta(t, without.Loss, loss(1), 1e-5)
	for i, it := range without.Items {
		require.InDeltaSlice(t, it.Points[0].Logp, mixed.Items[i].Points[1].Logp, 1e-4)
	}
	require.Zero(t, j.gpu.LiveBuffers())

	for _, bad := range []struct {
		point api.Point
		kind  fault.Kind
	}{
		{api.Point{Steer: .5, Temperature: 1}, fault.Mismatch}, // with NoHistory
		{api.Point{Steer: 1}, fault.OutOfRange},
		{api.Point{Steer: 11, Temperature: 1}, fault.OutOfRange},
	} {
		p.Points = []api.Point{bad.point}
		require.ErrorIs(t, j.client.Call(ctx, "evaluate", p, nil, nil), bad.kind)
	}
	p.Points = make([]api.Point, api.MaxPoints+1)
	require.ErrorIs(t, j.client.Call(ctx, "evaluate", p, nil, nil), fault.TooLarge)
}
