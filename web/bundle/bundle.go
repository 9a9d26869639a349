// Package bundle bundles a TypeScript module or style sheet of web/ into one self-contained file.
// It uses esbuild's Go API, so the build needs no Node.
package bundle

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"nextquill/core/fault"
)

// Bundle is the output for one entry point. JS or CSS may be empty.
type Bundle struct {
	JS, CSS []byte
	// Metafile is esbuild's JSON list of inputs.
	Metafile string
}

// Entry points of web/ that become files of their own in dist/lib.
const (
	Module  = "module/nextquill.ts"
	Element = "element/element.ts"
	Worker  = "host/worker.ts"
	// ImportWorker reads people's files.
	ImportWorker = "import/worker.ts"
	// Hub finds the files of models that are not folders of a site.
	Hub = "hub/hub.ts"
)

// lazyScript matches the imports of scripts that are fetched when they are needed.
const lazyScript = `/(hub/hub|lazy/\w+)\.js$`

// externalModule makes the element import the module as ./nextquill.js, the file next to it,
// instead of bundling it. A page that uses both then loads one copy, with one Trusted Types policy.
var externalModule = api.Plugin{Name: "externalModule", Setup: func(b api.PluginBuild) {
	options := api.OnResolveOptions{Filter: `/module/nextquill\.js$`}
	b.OnResolve(options, func(api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: "./nextquill.js", External: true}, nil
	})
}}

// lazyScripts makes import() of a lazy script fetch the file of its name next to the bundle, or the
// one that names says.
func lazyScripts(names map[string]string) api.Plugin {
	return api.Plugin{Name: "lazyScripts", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: lazyScript}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.Kind != api.ResolveJSDynamicImport {
				return api.OnResolveResult{}, nil
			}
			name := path.Base(a.Path)
			if names[name] != "" {
				name = names[name]
			}
			return api.OnResolveResult{Path: "./" + name, External: true}, nil
		})
	}}
}

// tsconfig replaces the tsconfig.json files near the entry.
const tsconfig = `{"compilerOptions": {"useDefineForClassFields": true}}`

// Make bundles web/<entry>; root is the repository's folder. The names in define become constants
// of the script. The same source gives the same bytes.
func Make(root, entry string, define map[string]string) (Bundle, error) {
	return MakeLazy(root, entry, define, nil)
}

// MakeLazy is Make for a site that serves lazy scripts, such as hub.js, under the names in scripts.
func MakeLazy(root, entry string, define, scripts map[string]string) (Bundle, error) {
	plugins := []api.Plugin{lazyScripts(scripts)}
	if entry == Element {
		plugins = append(plugins, externalModule)
	}
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{"web/" + entry},
		Outdir:        filepath.Join(root, "dist"), // only for paths in messages: nothing is written
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Platform:      api.PlatformBrowser,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone, // LICENSES.txt of the site has the complete texts
		Define:        define,
		Plugins:       plugins,
		Metafile:      true,
		TsconfigRaw:   tsconfig,

		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
	if len(r.Errors) > 0 {
		return Bundle{}, bundleError("web/"+entry, r.Errors)
	}
	b := Bundle{Metafile: r.Metafile}
	for _, f := range r.OutputFiles {
		switch filepath.Ext(f.Path) {
		case ".js":
			b.JS = f.Contents
		case ".css":
			b.CSS = f.Contents
		}
	}
	return b, nil
}

func bundleError(entry string, errors []api.Message) error {
	text := api.FormatMessages(errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
	return fault.New(fault.Malformed, entry, "", "bundling failed:\n%s", strings.Join(text, "")).
		WithRemedy("fix the errors above; install packages with: cd web && npm ci")
}
