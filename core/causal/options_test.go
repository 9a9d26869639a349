package causal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		o, err := Preset(name)
		require.NoError(t, err)
		require.NoError(t, o.Check(name))
	}
	_, err := Preset("nextquil")
	require.ErrorIs(t, err, fault.Unsupported)
	require.ErrorContains(t, err, "nextquill")

	// The paper and its released code differ; both defaults are pinned.
	paper, _ := Preset("nextquill")
	code, _ := Preset("nextquill-code")
	require.Equal(t, BySamples, paper.NormalizeNTP)
	require.True(t, paper.AlignWeighted && paper.Frozen())
	require.False(t, code.AlignWeighted || code.Frozen())
	require.Equal(t, [4]float64{.05, .9, .1, .1}, [4]float64{code.Delta, code.Lambda, code.Epsilon, code.Alpha})
	require.Equal(t, ByWeights, code.NormalizeNTP)
	require.Equal(t, ByTokens, code.NormalizeAlign)
}

func TestDual(t *testing.T) {
	for name, want := range map[string]bool{
		"sft": false, "contextsft": false,
		"mce": true, "mce-dce": true, "dce": true, "nextquill": true, "nextquill-code": true,
	} {
		o, err := Preset(name)
		require.NoError(t, err)
		require.Equal(t, want, o.Dual(), name)
	}
}

func TestParseOptions(t *testing.T) {
	o, err := ParseOptions("o.json", []byte(`{"delta":0.2,"normalize_ntp":"samples"}`))
	require.NoError(t, err)
	require.Equal(t, .2, o.Delta)
	require.Equal(t, BySamples, o.NormalizeNTP)
	require.Equal(t, .9, o.Lambda) // the default
	for text, kind := range map[string]fault.Kind{
		`{"delta":2}`:               fault.OutOfRange,
		`{"lamda":0.9}`:             fault.Malformed,
		`{"normalize_ntp":"words"}`: fault.Unsupported,
		`{"weights":"quantile"}`:    fault.OutOfRange,
		`{"weights":"hard"}`:        fault.Unsupported,
		`{`:                         fault.Malformed,
		`{"alpha":-1}`:              fault.OutOfRange,
	} {
		_, err := ParseOptions("o.json", []byte(text))
		require.ErrorIs(t, err, kind, text)
		require.ErrorContains(t, err, "o.json")
	}
}
