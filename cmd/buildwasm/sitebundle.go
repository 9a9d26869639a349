package main

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"

	"nextquill/core/fault"
	"nextquill/web/bundle"
)

// bundle bundles web/<entry> and records the packages in it.
func (s *site) bundle(entry string, define map[string]string) (bundle.Bundle, error) {
	scripts := map[string]string{}
	for name, hashed := range s.hashed {
		scripts[name] = path.Base(hashed)
	}
	if !strings.HasPrefix(entry, "page/") {
		scripts = nil // in lib/ the names have no hash
	}
	b, err := bundle.MakeLazy(s.root, entry, define, scripts)
	if err != nil {
		return b, err
	}
	return b, s.remember(b.Metafile)
}

// remember records the third-party packages of a bundle, for their notices.
func (s *site) remember(metafile string) error {
	var meta struct {
		Inputs map[string]struct{} `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return err
	}
	for input := range meta.Inputs {
		for _, folder := range []string{"node_modules/", "vendor/"} {
			_, rest, found := strings.Cut(input, folder)
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
	}
	return nil
}

// license returns the texts of the licence files in a folder.
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
		return "", fault.New(fault.Missing, filepath.Base(dir), "", "the package has no licence file").
			WithRemedy("add its notice by hand, or remove the package")
	}
	return strings.Join(all, "\n\n"), nil
}
