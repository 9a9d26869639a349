package report_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/gpu"
	"nextquill/report"
)

func device() report.Device {
	product := func(variant string, half bool, rows int, gflops float64) api.ProductBench {
		return api.ProductBench{Product: "forward", Format: "f16", Variant: variant, Half: half, Rows: rows, In: 64,
			Out: 96, Seconds: 1e-3, GFLOPS: gflops}
	}
	return report.Device{
		When: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC), Machine: "a <b>processor</b>",
		Command: "nextquill bench --report device.html",
		Kernels: report.KernelCases{Passed: 293, Failed: []string{"swiglu 3×4: differs by <1>"}},
		Report: api.BenchReport{
			Version: "1", Device: gpu.Info{Name: "llvmpipe", Backend: "vulkan"}, Chosen: "tiled", ChosenHalf: true,
			Bandwidth: 8e9, Seconds: 301,
			Products: []api.ProductBench{
				product("tiled", false, 512, 10), product("tiled", true, 512, 11), product("16x16", false, 512, 12.3),
				product("tiled", true, 1, 1),
			},
			Models: []api.ModelBench{
				{
					Name: "embedded model", Base: "q8", WeightBytes: 4e6, PeakBytes: 2e8,
					Steps: []api.StepBench{{Preset: "contextsft", Tokens: 448, Seconds: .25, GFLOPS: 20},
						{Preset: "nextquill-code", Tokens: 576, Seconds: .36, GFLOPS: 21}},
					Decode: []api.DecodeBench{
						{Branches: 1, Prompt: 128, Tokens: 32, PromptSeconds: .1, TokenSeconds: .01,
							BandwidthShare: .05},
						{Branches: 2, Prompt: 128, Tokens: 32, PromptSeconds: .2, TokenSeconds: .0125},
					},
				},
				{Name: "Qwen2.5-0.5B", Base: "f16", Error: "the device is too small"},
			},
			Left: []string{"Qwen2.5-0.5B q4"},
		},
	}
}

// TestDevicePage renders a report. The fastest variant of a product is bold and the one in use is
// underlined, texts are escaped, and a part that failed or is missing is named.
func TestDevicePage(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.DeviceHTML(&b, device()))
	page := b.String()
	cell := func(class, value string) string {
		return `<td class="n"><span class="` + class + `">` + value + `</span></td>`
	}
	for _, want := range []string{
		"1 of 294 kernel cases differ", "swiglu 3×4: differs by &lt;1&gt;", "a &lt;b&gt;processor&lt;/b&gt;",
		cell("", "10.0") + cell("strong ", "12.3"), // f16 as words: the variant in use reads by shader-f16
		cell("strong chosen", "11.0"),
		"1792.0<small>20.0 GFLOP/s</small>", "1280.0", "100.0", "80.0", "5.0 %",
		`<td colspan="8">the device is too small</td>`, "<li>Qwen2.5-0.5B q4</li>",
	} {
		require.Contains(t, page, want)
	}
	require.NotRegexp(t, regexp.MustCompile(`<script|https?:`), page)
	require.Len(t, regexp.MustCompile(`<h3>`).FindAllString(page, -1), 2)
}

// TestDeviceFigures reads the JSON of a report back.
func TestDeviceFigures(t *testing.T) {
	raw, err := json.Marshal(device())
	require.NoError(t, err)
	var back report.Device
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, device(), back)
}
