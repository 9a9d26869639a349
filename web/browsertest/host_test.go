package browsertest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/gpu"
	"nextquill/wasm/conformance"
	"nextquill/wasm/guest"
	"nextquill/wasm/guest/guesttest"
	"nextquill/web/browsertest"
)

const oracle = "../../testdata/oracle"

// TestHost runs the browser's host in Chromium on SwiftShader: the suites, the guest and the golden
// files are those of the headless host.
func TestHost(t *testing.T) {
	b := start(t)
	b.cpu = true
	b.all(t)
}

// all runs what the host passes in every browser.
func (b *hostPage) all(t *testing.T) {
	t.Run("policy", b.policy)
	t.Run("batches", b.batches)
	t.Run("conformance", b.conformance)
	t.Run("step", b.step)
	t.Run("weakest device", b.weakestDevice)
	t.Run("cancel", b.cancel)
	t.Run("cancel training", b.cancelTraining)
	t.Run("device lost", b.deviceLost)
	t.Run("wrong guests", b.wrongGuests)
	t.Run("stored blobs", b.storedBlobs)
	t.Run("killed while writing", b.killed)
	t.Run("kernels", b.kernels)
}

// TestLavapipe runs the same on a device with shader-f16, on which the kernels use their variants
// for GPUs.
func TestLavapipe(t *testing.T) {
	b := startOn(t, func(url string) (browsertest.Page, error) {
		return browsertest.OpenLavapipe(t.Context(), url, t.TempDir())
	})
	b.f16 = true
	b.all(t)
	t.Run("step in f16", b.stepInF16)
}

// TestFirefox runs the same in Firefox, whose WebGPU is wgpu with the shader compiler naga. The
// native tests have a much older naga.
func TestFirefox(t *testing.T) {
	b := startOn(t, func(url string) (browsertest.Page, error) { return browsertest.OpenFirefox(t.Context(), url) })
	b.cpu, b.f16 = true, true
	b.expect(`broken kernel`)
	b.all(t)
	t.Run("step in f16", b.stepInF16)
}

// hostPage is the harness page with the guest that the headless tests run.
type hostPage struct {
	browsertest.Page
	sha256     string // of the guest that ships
	testSHA256 string // of the test guest
	cpu        bool   // the device counts as a CPU
	f16        bool   // the device has shader-f16
	// expected are messages of the browser about errors that tests cause on purpose.
	expected []*regexp.Regexp
}

// expect allows messages from now on, for all later tests: Firefox prints some of them late.
func (b *hostPage) expect(pattern string) {
	b.expected = append(b.expected, regexp.MustCompile(pattern))
}

type opened struct {
	Device gpu.Info `json:"device"`
	SHA256 string   `json:"sha256"`
	Bytes  int      `json:"bytes"`
}

func start(t *testing.T) *hostPage {
	return startOn(t, func(url string) (browsertest.Page, error) { return browsertest.Open(t.Context(), url) })
}

// startOn is start with another browser.
func startOn(t *testing.T, open func(url string) (browsertest.Page, error)) *hostPage {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	wasm, test := guesttest.Ships(t), guesttest.Test(t)
	files := map[string][]byte{"nextquill.wasm": wasm, "test.wasm": test, "foreign.wasm": foreign}
	server, err := browsertest.Serve(root, files, servedFiles)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	began := time.Now()
	b, err := open(server.URL)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	t.Logf("browser up in %v", time.Since(began).Round(time.Millisecond))
	return &hostPage{Page: b, sha256: hash(wasm), testSHA256: hash(test)}
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// test selects the test guest, which knows the suites.
func (b *hostPage) test() map[string]any {
	return map[string]any{"wasm": "test.wasm", "sha256": b.testSHA256}
}

// open starts a new session with an empty store in memory.
func (b *hostPage) open(t *testing.T, options map[string]any) opened {
	t.Helper()
	all := map[string]any{"wasm": "nextquill.wasm", "sha256": b.sha256, "blobs": map[string]any{"kind": "memory"}}
	for k, v := range options {
		all[k] = v
	}
	var o opened
	began := time.Now()
	require.NoError(t, b.CallHarness(t.Context(), &o, "open", all))
	t.Logf("session on %q in %v", o.Device.Name, time.Since(began).Round(time.Millisecond))
	return o
}

// blockedCount is how often the policy blocks the harness's method escape.
const blockedCount = 4

// policy checks that the browser enforces the policy.
func (b *hostPage) policy(t *testing.T) {
	b.expect(`blob:|127\.0\.0\.2|injection sink`)
	var possible []string
	require.NoError(t, b.CallHarness(t.Context(), &possible, "escape"))
	require.Empty(t, possible)
	var said []string
	require.Eventually(t, func() bool {
		said = append(said, b.TakeMessages()...)
		return len(said) >= blockedCount
	}, 5*time.Second, 10*time.Millisecond, "%v", &said)
}

func (b *hostPage) conformance(t *testing.T) {
	o := b.open(t, b.test())
	require.Equal(t, b.testSHA256, o.SHA256, "the guest is not that of the headless tests")
	require.Equal(t, b.cpu, o.Device.CPU, "the kernels would use other variants: %+v", o.Device)
	require.Equal(t, b.f16, o.Device.ShaderF16, "%+v", o.Device)
	var report conformance.Report
	events := 0
	err := b.Call(t.Context(), "conformance", nil, &report, func(name string, raw json.RawMessage) {
		if name == "conformance" {
			events++
		}
	})
	require.NoError(t, err)
	for _, c := range report.Cases {
		t.Logf("%-60s %.0f ms", c.Case, 1000*c.Seconds)
		t.Run(c.Case, func(t *testing.T) { require.Empty(t, c.Message) })
	}
	require.Equal(t, len(report.Cases), events)
	require.Greater(t, events, 25)
	b.requireNothingLeft(t)
}

func (b *hostPage) kernels(t *testing.T) {
	b.open(t, b.test())
	began := time.Now()
	var failed []string
	var worst float64
	var slowest api.KernelCaseEvent
	var sum api.KernelCasesResult
	err := b.Call(t.Context(), "kernel-cases", nil, &sum, func(_ string, raw json.RawMessage) {
		var e api.KernelCaseEvent
		if err := json.Unmarshal(raw, &e); err != nil || e.Message != "" {
			failed = append(failed, string(raw))
		}
		t.Logf("%s: error %.2g, %.0f ms", e.Case, e.Error, 1000*e.Seconds)
		worst = max(worst, e.Error)
		if e.Seconds > slowest.Seconds {
			slowest = e
		}
	})
	require.NoError(t, err)
	t.Logf("%d kernel cases in %.1f s, largest error %.2g of its tolerance, slowest %s (%.1f s)",
		sum.Passed, time.Since(began).Seconds(), worst, slowest.Case, slowest.Seconds)
	require.Empty(t, failed)
	require.Positive(t, sum.Passed)
	require.Zero(t, sum.LiveBuffers)
	b.requireNothingLeft(t)
}

// requireNothingLeft releases the session's caches and checks that nothing is leaked, printed or
// blocked.
func (b *hostPage) requireNothingLeft(t *testing.T) {
	t.Helper()
	var left api.ReleaseResult
	require.NoError(t, b.Call(context.Background(), "release", nil, &left, nil))
	require.Empty(t, left.Leaked)
	b.requireQuiet(t)
}

// requireQuiet checks that the browser has printed no message that the tests do not expect.
func (b *hostPage) requireQuiet(t *testing.T) {
	t.Helper()
	said := slices.DeleteFunc(
		b.TakeMessages(),
		func(line string) bool {
			return slices.ContainsFunc(b.expected, func(r *regexp.Regexp) bool { return r.MatchString(line) })
		},
	)
	require.Empty(t, said)
}
