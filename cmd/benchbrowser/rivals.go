package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"nextquill/core/fault"
)

// install installs the packages of web/benchbrowser/package-lock.json into dir, unless they are
// there.
func install(ctx context.Context, root, dir string) error {
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json"} {
		want, err := os.ReadFile(filepath.Join(root, "web/benchbrowser", name))
		if err != nil {
			return err
		}
		if have, err := os.ReadFile(filepath.Join(dir, name)); err == nil && bytes.Equal(have, want) {
			continue
		}
		fresh = false
		if err := os.WriteFile(filepath.Join(dir, name), want, 0o644); err != nil {
			return err
		}
	}
	// npm writes this file last.
	if _, err := os.Stat(filepath.Join(dir, "node_modules/.package-lock.json")); fresh && err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.New(fault.Missing, "npm ci", "", "%s", strings.TrimSpace(string(out))).WithCause(err).
			WithRemedy("install Node with npm; this benchmark is all that needs it")
	}
	return nil
}

// bundle writes web/benchbrowser/<name>.ts with its packages into one module in dir.
func bundle(root, packages, name, dir string) error {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{"web/benchbrowser/" + name + ".ts"},
		Outfile:       filepath.Join(dir, name+".js"),
		Write:         true,
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Platform:      api.PlatformBrowser,
		NodePaths:     []string{filepath.Join(packages, "node_modules")},
		// As a site does it: the production form of the packages.
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Define: map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	if len(r.Errors) > 0 {
		text := api.FormatMessages(r.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return fault.New(fault.Malformed, "web/benchbrowser/"+name+".ts", "", "it does not bundle:\n%s",
			strings.Join(text, ""))
	}
	return nil
}
