package bundle

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

// Install installs the npm packages of a folder's package-lock.json into dir, unless they are
// there. No script of a package runs. Only benchmarks need packages.
func Install(ctx context.Context, folder, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json"} {
		want, err := os.ReadFile(filepath.Join(folder, name))
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
	// "npm ci" would reject a lock file without the packages for other systems, which not every
	// registry has. Optional packages are left out: package.json names those that are needed.
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-save", "--omit=optional", "--ignore-scripts", "--no-audit",
		"--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.New(fault.Missing, "npm install", "", "%s", strings.TrimSpace(string(out))).WithCause(err).
			WithRemedy("install Node with npm; only benchmarks need them")
	}
	return nil
}

// WithPackages bundles web/<entry> with npm packages of a node_modules folder, in their production
// form.
func WithPackages(root, entry, packages string) ([]byte, error) {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{"web/" + entry},
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Platform:      api.PlatformBrowser,
		NodePaths:     []string{packages},
		Define:        map[string]string{"process.env.NODE_ENV": `"production"`},

		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
	if len(r.Errors) > 0 {
		return nil, bundleError("web/"+entry, r.Errors)
	}
	return r.OutputFiles[0].Contents, nil
}
