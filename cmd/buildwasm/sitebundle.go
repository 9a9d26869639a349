package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"nextquill/core/fault"
)

// entryPoint is what a source of web/ became.
type entryPoint struct{ js, css []byte }

// bundle makes one self-contained file of web/<entry>. The defined names become constants of the script.
func (s *site) bundle(entry string, define map[string]string) (entryPoint, error) {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: s.root,
		EntryPoints:   []string{"web/" + entry},
		Outdir:        filepath.Join(s.root, "dist"),
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Platform:      api.PlatformBrowser,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone, // LICENSES.txt has them whole
		Define:        define,
		Metafile:      true,

		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
	if len(r.Errors) > 0 {
		text := api.FormatMessages(r.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return entryPoint{}, fault.New(fault.Malformed, "web/"+entry, "", "it does not bundle:\n%s", strings.Join(text, "")).
			WithRemedy("mend what the messages name; packages come with: cd web && npm ci")
	}
	var e entryPoint
	for _, f := range r.OutputFiles {
		switch filepath.Ext(f.Path) {
		case ".js":
			e.js = f.Contents
		case ".css":
			e.css = f.Contents
		}
	}
	return e, s.remember(r.Metafile)
}

// remember keeps which npm packages went into the bundles, for their notices.
func (s *site) remember(metafile string) error {
	var meta struct {
		Inputs map[string]struct{} `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return err
	}
	for input := range meta.Inputs {
		_, rest, found := strings.Cut(input, "node_modules/")
		if !found {
			continue
		}
		parts := strings.SplitN(rest, "/", 3)
		name := parts[0]
		if strings.HasPrefix(name, "@") && len(parts) > 1 {
			name += "/" + parts[1]
		}
		s.packages[name] = strings.TrimSuffix(input, rest) + name
	}
	return nil
}

// license is the text of a folder's licence files, or what is known without one.
func license(dir string) (string, error) {
	var all []string
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return "", err
			}
			all = append(all, strings.TrimSpace(string(text)))
		}
	}
	if len(all) == 0 {
		return "", fault.New(fault.Missing, filepath.Base(dir), "", "it ships, and has no licence file").WithRemedy("add its notice by hand, or do without it")
	}
	return strings.Join(all, "\n\n"), nil
}
