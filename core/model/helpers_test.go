//go:build !wasm

package model_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
)

// greedy samples the most likely token.
var greedy = kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}
