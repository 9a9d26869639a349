package kernels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
)

func TestEmbeddingSegments(t *testing.T) {
	segments, order, uniques := kernels.EmbeddingSegments([]uint32{7, 2, 7, 4294967295, 2, 7})
	require.Equal(t, []uint32{1, 4, 0, 2, 5, 3}, order, "rows by id, those of one id in their order")
	require.Equal(t, []uint32{2, 7, 4294967295, 0, 0, 0}, uniques)
	require.Equal(t, []uint32{0, 2, 5, 6, 6, 6, 6}, segments, "what is left over is empty")

	segments, order, uniques = kernels.EmbeddingSegments(nil)
	require.Equal(t, []uint32{0}, segments)
	require.Empty(t, order)
	require.Empty(t, uniques)
}
