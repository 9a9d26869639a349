package eval

import (
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"nextquill/core/fault"
)

// LockFile is locked while a process writes results to its folder. The system unlocks it when the
// process ends, so the file of a process that was killed locks nothing.
const LockFile = "results.lock"

// lock locks a file, and writes the number of this process to it.
func lock(path string) (*flock.Flock, error) {
	l := flock.New(path, flock.SetPermissions(0o644))
	ok, err := l.TryLock()
	if err != nil {
		return nil, storage(path, err)
	}
	if !ok {
		holder := "another process"
		if raw, err := os.ReadFile(path); err == nil && len(raw) < 20 {
			holder += " (pid " + strings.TrimSpace(string(raw)) + ")"
		}
		return nil, fault.New(fault.Storage, path, "", "%s is writing results to this folder", holder).
			WithRemedy("wait until it has ended, or give another folder with --out")
	}
	// For the message of another process only.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	return l, nil
}
