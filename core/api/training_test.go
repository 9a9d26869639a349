package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

func TestDefaultBatchSize(t *testing.T) {
	for windows, want := range map[int]int{1: 2, 24: 2, 59: 2, 60: 3, 100: 5, 160: 8, 100_000: 8} {
		require.Equal(t, want, api.DefaultBatchSize(windows), windows)
	}
}
