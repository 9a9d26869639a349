package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDocument checks that ratios pair the turns of a round, and that programs in Chromium are
// compared with ours in Chromium.
func TestDocument(t *testing.T) {
	turns := func(prompt int, seconds ...float64) (out []timing) {
		for i := 0; i < len(seconds); i += 2 {
			out = append(out, timing{Prompt: prompt, PromptSeconds: seconds[i], TokenSeconds: seconds[i+1],
				IDs: []int32{5, 6, 7}})
		}
		return out
	}
	other := turns(100, 5, .05, 5, .1)
	other[0].IDs = []int32{5, 6, 8}
	r := results{
		options: options{Rounds: 2}, prompt: prompt{ids: make([]int32, 100), tokens: 2},
		writers: []*writer{
			{name: "NextQuill, native", device: "llvmpipe", turns: turns(100, 1, .1, 2, .2)},
			{name: "llama.cpp", device: "cpu", turns: other},
			{name: "NextQuill, Chromium", device: "SwiftShader", turns: turns(100, 4, .4, 4, .4)},
			{name: "wllama, Chromium", device: "processor", turns: turns(100, 2, .1, 2, .1)},
		},
		steps: []*stepTable{{model: "tiny", ours: []float64{1, 2}, theirs: []float64{.5, .5}, peer: "PyTorch"}},
	}
	var b strings.Builder
	r.markdown(&b, time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	for _, want := range []string{
		"29 November 2026",
		"| NextQuill, native | llvmpipe | 75.0 (50.0–100.0) |  | 7.5 (5.0–10.0) |  |",
		"| llama.cpp | cpu | 20.0 (20.0–20.0) | 3.75 (2.50–5.00) | 15.0 (10.0–20.0) | 0.50 (0.50–0.50) |",
		"| wllama, Chromium | processor | 50.0 (50.0–50.0) | 0.50 (0.50–0.50) | 10.0 (10.0–10.0) | 0.25 (0.25–0.25) |",
		"- llama.cpp, cpu: 2 of 3\n",
		"| tiny | 192 (128–256) | PyTorch | 512 (512–512) | 0.38 (0.25–0.50) |",
	} {
		require.Contains(t, b.String(), want)
	}
}
