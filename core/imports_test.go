package core

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed are the modules outside the standard library that the core may import. Everything else
// belongs to a host.
var allowed = []string{"nextquill/core/", "nextquill/shaders", "golang.org/x/text/"}

// forbidden are packages of the standard library that bypass the host.
var forbidden = []string{"net", "os", "os/exec", "syscall", "syscall/js", "unsafe", "C", "plugin"}

// large lists packages that are too large for the limit of a first visit (TestFirstLoad in
// cmd/buildwasm), with the bytes of brotli that they add to the guest, and what to use instead.
var large = map[string]string{
	"regexp":        "69,000; use core/regex",
	"text/template": "166,000: it keeps every exported method in the file",
}

// TestCoreImportsNoHost checks the imports of every file of the core: the guest can only do what
// its host provides.
func TestCoreImportsNoHost(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		files++
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			require.NotContains(t, forbidden, path, "%s", name)
			require.False(t, strings.HasPrefix(path, "net/"), "%s imports %s", name, path)
			require.NotContains(t, large, path, "%s", name)
			if !strings.Contains(strings.Split(path, "/")[0], ".") && !strings.HasPrefix(path, "nextquill") {
				continue
			}
			ok := false
			for _, a := range allowed {
				ok = ok || strings.HasPrefix(path, a)
			}
			// Test helpers that are packages of their own may use testify.
			ok = ok || strings.HasPrefix(path, "github.com/stretchr/testify/") && strings.Contains(name, "test/")
			require.True(t, ok, "%s imports %s", name, path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50)
}
