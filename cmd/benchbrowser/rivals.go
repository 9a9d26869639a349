package main

import (
	"os"
	"path/filepath"

	"nextquill/web/bundle"
)

// bundleRival writes web/benchbrowser/<name>.ts with its packages into one module in dir.
func bundleRival(root, packages, name, dir string) error {
	script, err := bundle.WithPackages(root, "benchbrowser/"+name+".ts", filepath.Join(packages, "node_modules"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".js"), script, 0o644)
}
