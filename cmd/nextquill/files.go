package main

import (
	"path/filepath"

	"nextquill/core/fault"
)

func tooLarge(path string, size, limit int64) error {
	return fault.New(fault.TooLarge, path, "", "has %d bytes", size).WithLimit("%d bytes", limit).
		WithRemedy("check that this is the right file")
}

// splitPath returns a file's folder and its name.
func splitPath(path string) (dir, name string) {
	return filepath.Dir(path), filepath.Base(path)
}
