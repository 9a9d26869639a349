package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// TestWorkload: the files are a model that core/weights reads, and both formats have the same
// values.
func TestWorkload(t *testing.T) {
	w, dir := newWorkload(), t.TempDir()
	require.NoError(t, w.write(dir))
	m, err := weights.OpenModel(t.Context(), blob.FromFS(os.DirFS(dir)), "model")
	require.NoError(t, err)
	require.Equal(t, w.Vocab, m.Config.VocabSize)
	raw, err := os.ReadFile(filepath.Join(dir, "workload.json"))
	require.NoError(t, err)
	var index struct {
		Tensors []struct {
			Name   string
			Shape  []int
			Offset int
		}
	}
	require.NoError(t, json.Unmarshal(raw, &index))
	require.Len(t, index.Tensors, 3+9*w.Layers)
	values, err := os.ReadFile(filepath.Join(dir, "weights.bin"))
	require.NoError(t, err)
	for _, e := range index.Tensors {
		have, err := m.File.ReadF32(t.Context(), e.Name)
		require.NoError(t, err)
		part := weights.Encode([]weights.Tensor{{Name: e.Name, Shape: e.Shape, Data: have}}, nil)
		require.Equal(t, part[len(part)-4*len(have):], values[e.Offset:e.Offset+4*len(have)], e.Name)
	}
}

// TestFlops adds up the matrix products of a step: [rows, in]·[in, out].
func TestFlops(t *testing.T) {
	var forward float64
	for range 2 {
		for _, p := range [][2]float64{{64, 64}, {64, 64}, {64, 64}, {64, 64}, {64, 256}, {64, 256}, {256, 64}} {
			forward += 2 * 512 * p[0] * p[1]
		}
		for keys := 1.; keys <= 64; keys++ { // scores and sums of values, 8 sequences of 4 heads of 16
			forward += 8 * 4 * 2 * (2 * 16 * keys)
		}
	}
	forward += 2 * 512 * 64 * 256
	require.Equal(t, 3*forward, newWorkload().flops())
}

func TestAgrees(t *testing.T) {
	c := &contestant{Name: "other"}
	require.NoError(t, c.agrees([]float64{9, 5, 4.001}, []float64{5, 4}))
	require.InDelta(t, .001, c.apart, 1e-12)
	require.ErrorIs(t, c.agrees([]float64{9, 5, 4.01}, []float64{5, 4}), fault.Mismatch)
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2., median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
}
