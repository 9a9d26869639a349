//go:build !wasm

package model_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// TestRopeScalingMatchesTransformers compares the logits of models whose rotary
// frequencies are scaled, from config.json and from GGUF metadata, with those of
// transformers: at places within the original positions, and far behind them.
func TestRopeScalingMatchesTransformers(t *testing.T) {
	ctx := context.Background()
	store := blob.FromFS(os.DirFS("../weights/testdata/rope"))
	g := nativetest.Open(t, store)
	for _, path := range []string{"linear/hf", "linear/model.gguf", "llama3/hf", "llama3/model.gguf", "dynamic/hf"} {
		t.Run(path, func(t *testing.T) {
			kind, _, _ := strings.Cut(path, "/")
			f, err := weights.Open(ctx, store, kind+"/logits.safetensors")
			require.NoError(t, err)
			want, err := f.ReadF32(ctx, "logits")
			require.NoError(t, err)
			prompt, err := f.ReadF32(ctx, "ids")
			require.NoError(t, err)
			ids := make([]int32, len(prompt))
			for i, id := range prompt {
				ids[i] = int32(id)
			}
			tune := kernels.DefaultTune(g.Info())
			m, err := model.Load(ctx, g, &tune, store, path, model.LoadOptions{})
			require.NoError(t, err)
			defer m.Free()
			for _, n := range []int{20, len(ids)} {
				d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: n, MaxNew: 1})
				require.NoError(t, err)
				require.NoError(t, d.Start(ctx, ids[:n], nil, kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}, 0, 0))
				got, err := d.Logits(ctx)
				require.NoError(t, err)
				vocab := m.Config.VocabSize
				require.InDeltaSlice(t, want[(n-1)*vocab:][:vocab], got[0], 1e-4, "after %d tokens", n)
				d.Free()
			}
		})
	}
}
