package moduletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// TestDenied uses the module and the element where pages may not store data: in a Chromium whose
// user allows no site to store data, and in a sandboxed frame of another site.
func TestDenied(t *testing.T) {
	t.Parallel()
	b, err := browsertest.OpenWithoutStorage(t.Context(), "about:blank")
	require.NoError(t, err)
	defer b.Close()
	site, err := sharedSite()
	require.NoError(t, err)
	p := loadIn(t, b, site, "denied.test").openTab()
	defer p.Close()
	p.RunTests(t)
	require.Empty(t, p.TakeMessages())
}

// TestSandboxedFrame is TestDenied in a sandboxed frame of a page of another site.
func TestSandboxedFrame(t *testing.T) {
	t.Parallel()
	f := load(t, "frame.test")
	_, _, err := f.site.AddTestFile("deniedFrame")
	require.NoError(t, err)
	p := f.openTab()
	defer p.Close()
	p.RunTests(t)
	require.Empty(t, p.TakeMessages())
}
