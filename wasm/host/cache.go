package host

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// openCache opens a cache of compiled code on disk, or returns nil: a home directory that cannot be
// written makes a start slow, but must not prevent it.
func openCache(dir string) wazero.CompilationCache {
	if dir == "" {
		return nil
	}
	prune(dir)
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil
	}
	return cache
}

// keepCompiled is the number of compiled guests to keep. Each build of the guest adds a file of
// tens of megabytes under a new name.
const keepCompiled = 4

// prune deletes all but the newest files. A process that needs a deleted one compiles it again.
func prune(dir string) {
	type entry struct {
		path string
		made time.Time
	}
	var entries []entry
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			entries = append(entries, entry{path, info.ModTime()})
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b entry) int { return b.made.Compare(a.made) })
	for i := keepCompiled; i < len(entries); i++ {
		_ = os.Remove(entries[i].path)
	}
}

// parallel makes wazero compile on all cores.
func parallel(ctx context.Context) context.Context {
	return experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
}
