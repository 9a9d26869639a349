package bundle

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// TestScript is a script of the tests: a test file, or what a test adds to a page.
type TestScript struct {
	JS, SourceMap []byte
}

// shipped leaves the product out of a test's script. The script imports it under the names of the
// npm package ("nextquill", "nextquill/element"), and the page loads the bundles that ship, from
// the folder above the script's. So a test runs what ships, and a page has one Trusted Types
// policy.
var shipped = api.Plugin{Name: "shipped", Setup: func(b api.PluginBuild) {
	b.OnResolve(
		api.OnResolveOptions{Filter: `^nextquill(/|$)`},
		func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			name := strings.TrimPrefix(strings.TrimPrefix(a.Path, "nextquill"), "/")
			if name == "" {
				name = "nextquill"
			}
			return api.OnResolveResult{Path: "../" + strings.TrimSuffix(name, ".js") + ".js", External: true}, nil
		},
	)
}}

// MakeTest bundles a TypeScript file of the tests, named from the folder root. The result is not
// minified, so that stacks have the names of the source. With inPage it is a script without imports
// that a browser can run in a page before the page's own scripts; else it is an ES module.
func MakeTest(root, entry string, inPage bool) (TestScript, error) {
	format := api.FormatESModule
	if inPage {
		format = api.FormatIIFE
	}
	r := api.Build(api.BuildOptions{
		AbsWorkingDir:  root,
		EntryPoints:    []string{entry},
		Outdir:         filepath.Join(root, "dist"), // only for paths in messages: nothing is written
		Bundle:         true,
		Format:         format,
		Target:         api.ES2022,
		Platform:       api.PlatformBrowser,
		Charset:        api.CharsetUTF8,
		Sourcemap:      api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude,
		Plugins:        []api.Plugin{shipped},
		TsconfigRaw:    tsconfig,
	})
	if len(r.Errors) > 0 {
		return TestScript{}, bundleError(entry, r.Errors)
	}
	var s TestScript
	for _, f := range r.OutputFiles {
		switch filepath.Ext(f.Path) {
		case ".js":
			s.JS = f.Contents
		case ".map":
			s.SourceMap = parentFolders.ReplaceAll(f.Contents, []byte(`"`))
		}
	}
	return s, nil
}

// parentFolders is what leads from Outdir to the root in the names of a source map.
var parentFolders = regexp.MustCompile(`"(\.\./)+`)
