package moduletest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/web/moduletest"
)

// opening is the result of the step "open".
type opening struct {
	Kind, Message string // the fault, if there is one
	Largest       int    // bytes of the largest buffer in the page
}

// TestDownload downloads a model of many parts over a connection that breaks at random bytes, in
// visits that end at random. Bytes that arrived are not requested again, no file is completely in
// the page's memory, and an altered part is refused.
func TestDownload(t *testing.T) {
	const seed, shard = 11, 1_300_000
	random := rand.New(rand.NewPCG(seed, 0))
	t.Parallel()
	b, err := sharedBrowser()
	require.NoError(t, err)
	site, err := newSite() // its own: the test checks all requests
	require.NoError(t, err)
	f := loadIn(t, b, site, "visits.steps")
	model, err := moduletest.LargeModel(models.DefaultFS(), 4096, 3)
	require.NoError(t, err)
	require.NoError(t, f.site.AddModel("large", "large", model, shard))
	size := f.site.Size("large/model.safetensors")
	require.Greater(t, size, 6*shard)

	// Each part breaks once, at any byte; two parts break so often that the visit ends there.
	breaks := map[string][]int{}
	for i := range size / shard {
		breaks[fmt.Sprintf("large/model.safetensors.%d", i)] = []int{1 + random.IntN(shard-1)}
	}
	for _, i := range []int{1, 4} {
		name := fmt.Sprintf("large/model.safetensors.%d", i)
		breaks[name] = append(breaks[name], 0, 0, 0)
	}
	f.site.FailNextOf(breaks)
	f.site.TakeRequests()
	p := f.openTab()
	defer func() { p.Close() }()
	var r opening
	for range 2 {
		p.call(&r, "open", "large/")
		require.Equal(t, "missing", r.Kind)
		require.Contains(t, r.Message, "the server answers 503")
		require.LessOrEqual(t, r.Largest, 1<<20)
		p = p.kill(closed)
	}
	p.call(&r, "open", "large/")
	require.Empty(t, r.Kind, r.Message)
	require.LessOrEqual(t, r.Largest, 1<<20)
	requests := f.site.TakeRequests()
	parts := size / shard
	for i := range parts {
		name := fmt.Sprintf("large/model.safetensors.%d", i)
		require.Equal(t, 1, count(requests, name), "%s is requested from its start once", name)
		require.Contains(t, requests, fmt.Sprintf("%sbytes=%d-", name, breaks[name][0]))
	}
	t.Logf("seed %d: %d bytes in %d parts, %d breaks, in three visits; buffers of at most %d bytes in the page",
		seed, size, parts+1, len(breaks)+6, r.Largest)
	var tokens int
	p.call(&tokens, "write")
	require.Positive(t, tokens)

	// A part that is altered, and one of another length.
	tiny, err := moduletest.TinyModel(models.DefaultFS(), 4096, 4)
	require.NoError(t, err)
	require.NoError(t, f.site.AddModel("altered", "altered", tiny, 100_000))
	const name = "altered/model.safetensors.2"
	whole := f.site.File(name)
	for what, alter := range map[string]func([]byte) []byte{
		"sha256": func(b []byte) []byte { b[random.IntN(len(b))] ^= 1; return b },
		"size":   func(b []byte) []byte { return b[:random.IntN(len(b))] },
	} {
		f.site.Put(name, alter(slices.Clone(whole)))
		p.call(&r, "open", "altered/")
		require.Equal(t, "mismatch", r.Kind)
		require.Contains(t, r.Message, "model.safetensors.2: "+what)
	}
	f.site.Put(name, whole)
	f.site.TakeRequests()
	p.call(&r, "open", "altered/")
	require.Empty(t, r.Kind, r.Message)
	p.call(nil, "dispose")
	requests = f.site.TakeRequests()
	require.Contains(t, requests, name)
	require.NotContains(
		t,
		strings.Join(requests, " "),
		"altered/model.safetensors.0",
		"intact parts are not requested again",
	)
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}
