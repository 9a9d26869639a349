//go:build !wasm

package model_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// TestHiddenStatesMatchTransformers multiplies the hidden states of the golden sequences by the
// head: the products are transformers' logits at every position, also with other samples in the
// micro-batch.
func TestHiddenStatesMatchTransformers(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	models, err := filepath.Glob(oracle + "/models/*")
	require.NoError(t, err)
	require.NotEmpty(t, models)
	for _, dir := range models {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			f, err := weights.Open(ctx, store, "logits/"+name+".safetensors")
			require.NoError(t, err)
			want, err := f.ReadF32(ctx, "logits")
			require.NoError(t, err)
			ids := goldenIDs(t, name)
			source, err := weights.OpenModel(ctx, store, "models/"+name)
			require.NoError(t, err)
			head := weights.HeadName
			if source.Config.TieEmbeddings {
				head = weights.EmbedName
			}
			w, err := source.ReadF32(ctx, head)
			require.NoError(t, err)

			m := load(t, g, store, name)
			defer m.Free()
			e, err := m.NewEncoder(64)
			require.NoError(t, err)
			defer e.Free()
			sample := func(ids []int32) causal.Sample {
				y := append(append([]int32{}, ids[1:]...), 0)
				return causal.Sample{With: ids[:1], Without: ids[:1], Response: y}
			}
			other := sample([]int32{3, 1, 4})
			packed := causal.Pack([]causal.Sample{other, sample(ids), other}, 0, false)
			states, err := e.Run(ctx, packed, nil)
			require.NoError(t, err)
			width, vocab := m.Config.HiddenSize, m.Config.VocabSize
			require.Equal(t, width, kernels.RowStride(width))
			require.Len(t, states, (len(ids)+6)*width)
			states = states[3*width:]
			for i := range ids {
				for v := range vocab {
					var z float64
					for k := range width {
						z += float64(states[i*width+k]) * float64(w[v*width+k])
					}
					require.InDelta(t, want[i*vocab+v], z, 1e-3, "position %d token %d", i, v)
				}
			}
		})
	}
}
