package gguf

import (
	"context"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// Is reports whether a name ends in ".gguf".
func Is(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".gguf") }

// Find returns the GGUF file that a model's path means: the file itself, or the only one in a
// folder. It returns "" if there is none.
func Find(ctx context.Context, store blob.Store, path string) (string, error) {
	if Is(path) {
		return path, nil
	}
	prefix := blob.Join(path, "")
	names, err := store.List(ctx, prefix)
	if err != nil {
		return "", err
	}
	found := ""
	for _, name := range names {
		if !Is(name) || strings.Contains(name[len(prefix):], "/") {
			continue
		}
		if found != "" {
			return "", fault.New(fault.Mismatch, path, "", "holds %s and %s", fault.Quote(found), fault.Quote(name)).
				WithRemedy("name one of the files")
		}
		found = name
	}
	return found, nil
}
