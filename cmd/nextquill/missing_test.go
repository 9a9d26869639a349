package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/weights"
)

// TestMissingModules follows PEFT's choice of the modules of a model, as far as it is a list.
func TestMissingModules(t *testing.T) {
	c := weights.Config{Layers: 2, HiddenSize: 8, IntermediateSize: 8, Heads: 1, KVHeads: 1, HeadDim: 8, VocabSize: 8}
	path := func(block int, part string) string { return weights.LayerPath(block, "self_attn."+part) }
	pairs := map[string]weights.Pair{path(0, "q_proj"): {}, path(0, "v_proj"): {}}
	qv := []string{"q_proj", "v_proj"}
	for name, w := range map[string]struct {
		a    weights.Adapter
		want []string
	}{
		"half":      {weights.Adapter{Targets: qv}, []string{path(1, "q_proj"), path(1, "v_proj")}},
		"one block": {weights.Adapter{Targets: qv, Layers: []int{0}}, nil},
		"other block": {weights.Adapter{Targets: qv, Layers: []int{1}},
			[]string{path(1, "q_proj"), path(1, "v_proj")}},
		"excluded":      {weights.Adapter{Targets: qv, Exclude: []string{path(1, "q_proj"), "v_proj"}}, nil},
		"by path":       {weights.Adapter{Targets: []string{path(1, "k_proj")}}, []string{path(1, "k_proj")}},
		"a pattern":     {weights.Adapter{TargetPattern: ".*q_proj"}, nil},
		"excluding one": {weights.Adapter{Targets: qv, ExcludeRegexp: ".*1.*"}, nil},
	} {
		w.a.Pairs = pairs
		require.Equal(t, w.want, missingModules(c, &w.a), name)
	}
	all := missingModules(c, &weights.Adapter{TargetPattern: "all-linear", Pairs: pairs})
	require.Len(t, all, 2*len(weights.LinearParts)-2)
}
