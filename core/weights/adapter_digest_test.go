package weights

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUpdateDigest changes with what an adapter computes, and with nothing else.
func TestUpdateDigest(t *testing.T) {
	adapter := func(change func(*Adapter)) *Adapter {
		a := &Adapter{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}, BaseModel: "base",
			Pairs: map[string]Pair{"m.q_proj": {A: []float32{1, 2, 3, 4}, B: []float32{5, 6}, In: 2, Out: 1}}}
		change(a)
		return a
	}
	same := adapter(func(*Adapter) {})
	for name, change := range map[string]func(*Adapter){
		"renamed":         func(a *Adapter) { a.BaseModel = "other" },
		"another pattern": func(a *Adapter) { a.Targets, a.TargetPattern = nil, "all-linear" },
		"equal scaling":   func(a *Adapter) { a.AlphaPattern, a.Alpha = []Override{{"q_proj", 4}}, 1 },
	} {
		require.Equal(t, same.UpdateDigest(), adapter(change).UpdateDigest(), name)
		require.NotEqual(t, same.Digest(), adapter(change).Digest(), name)
	}
	for name, change := range map[string]func(*Adapter){
		"alpha":   func(a *Adapter) { a.Alpha = 5 },
		"RSLoRA":  func(a *Adapter) { a.RSLoRA = true },
		"value":   func(a *Adapter) { a.Pairs["m.q_proj"].B[1] = 7 },
		"factors": func(a *Adapter) { a.Pairs["m.q_proj"] = Pair{A: []float32{1, 2, 3, 4, 5, 6}, In: 3} },
		"module":  func(a *Adapter) { a.Pairs = map[string]Pair{"m.k_proj": a.Pairs["m.q_proj"]} },
	} {
		require.NotEqual(t, same.UpdateDigest(), adapter(change).UpdateDigest(), name)
	}
}
