// Package bundle makes one self-contained file of a TypeScript module or style
// sheet in web/, with esbuild's Go API: no Node is needed.
package bundle

import (
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"nextquill/core/fault"
)

// Bundle is what an entry point became; either part may be empty.
type Bundle struct {
	JS, CSS []byte
	// Metafile is esbuild's account in JSON of what went in.
	Metafile string
}

// shared leaves the module out of the element, which imports it as the file beside
// itself: a page that uses both has one, with one Trusted Types policy.
var shared = api.Plugin{Name: "shared", Setup: func(b api.PluginBuild) {
	const module = "./nextquill.js"
	b.OnResolve(api.OnResolveOptions{Filter: `^\./nextquill\.js$`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if filepath.Base(a.Importer) != "element.ts" {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: module, External: true}, nil
	})
}}

// Make bundles web/<entry> below the folder root. The names in define become
// constants of the script.
func Make(root, entry string, define map[string]string) (Bundle, error) {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{"web/" + entry},
		Outdir:        filepath.Join(root, "dist"), // a place for paths in messages: nothing is written
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Platform:      api.PlatformBrowser,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone, // the site's list of licences has them whole
		Define:        define,
		Plugins:       []api.Plugin{shared},
		Metafile:      true,
		// What a project around the entry says must not matter.
		TsconfigRaw: `{"compilerOptions": {"useDefineForClassFields": true}}`,

		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
	if len(r.Errors) > 0 {
		text := api.FormatMessages(r.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return Bundle{}, fault.New(fault.Malformed, "web/"+entry, "", "it does not bundle:\n%s", strings.Join(text, "")).
			WithRemedy("mend what the messages name; packages come with: cd web && npm ci")
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
