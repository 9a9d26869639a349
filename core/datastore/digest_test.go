package datastore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/weights"
)

// TestDigest changes with what an adapter computes, and with nothing else.
func TestDigest(t *testing.T) {
	adapter := func(change func(*weights.Adapter)) *weights.Adapter {
		a := &weights.Adapter{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}, BaseModel: "base",
			Pairs: map[string]weights.Pair{"m.q_proj": {A: []float32{1, 2, 3, 4}, B: []float32{5, 6}, In: 2, Out: 1}}}
		change(a)
		return a
	}
	same := adapter(func(*weights.Adapter) {})
	for name, change := range map[string]func(*weights.Adapter){
		"renamed":         func(a *weights.Adapter) { a.BaseModel = "other" },
		"another pattern": func(a *weights.Adapter) { a.Targets, a.TargetPattern = nil, "all-linear" },
		"equal scaling": func(a *weights.Adapter) {
			a.AlphaPattern, a.Alpha = []weights.Override{{Pattern: "q_proj", Value: 4}}, 1
		},
	} {
		require.Equal(t, Digest(same), Digest(adapter(change)), name)
		require.NotEqual(t, same.Digest(), adapter(change).Digest(), name)
	}
	for name, change := range map[string]func(*weights.Adapter){
		"alpha":  func(a *weights.Adapter) { a.Alpha = 5 },
		"RSLoRA": func(a *weights.Adapter) { a.RSLoRA = true },
		"value":  func(a *weights.Adapter) { a.Pairs["m.q_proj"].B[1] = 7 },
		"factors": func(a *weights.Adapter) {
			a.Pairs["m.q_proj"] = weights.Pair{A: []float32{1, 2, 3, 4, 5, 6}, In: 3}
		},
		"module": func(a *weights.Adapter) {
			a.Pairs = map[string]weights.Pair{"m.k_proj": a.Pairs["m.q_proj"]}
		},
	} {
		require.NotEqual(t, Digest(same), Digest(adapter(change)), name)
	}
}
