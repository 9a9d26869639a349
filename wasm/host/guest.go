package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"nextquill/core/fault"
)

// GuestFile is where cmd/buildwasm puts the guest, from the repository's root.
const GuestFile = "build/nextquill.wasm"

// GuestVariable is the environment variable that names another guest.
const GuestVariable = "NEXTQUILL_WASM"

// maxGuest bounds the file; a guest has a few megabytes.
const maxGuest = 256 << 20

// LoadGuest reads the guest from path. When path is empty it takes the file that
// NEXTQUILL_WASM names, else build/nextquill.wasm in the working directory or
// beside the program, else nextquill.wasm beside the program.
func LoadGuest(path string) ([]byte, error) {
	paths := guestPaths(path)
	for _, p := range paths {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() > maxGuest {
			return nil, fault.New(fault.TooLarge, p, "", "%d bytes", info.Size()).WithLimit("%d bytes", maxGuest)
		}
		wasm, err := os.ReadFile(p)
		if err != nil {
			return nil, fault.New(fault.Storage, p, "", "cannot be read").WithCause(err)
		}
		return wasm, nil
	}
	return nil, noGuest("no file " + fault.Quote(paths[0]))
}

func noGuest(detail string) error {
	return fault.New(fault.Missing, "guest", "", "%s", detail).
		WithRemedy("build it: go run ./cmd/buildwasm (or name one by %s)", GuestVariable)
}

func guestPaths(path string) []string {
	if path != "" {
		return []string{path}
	}
	if path = os.Getenv(GuestVariable); path != "" {
		return []string{path}
	}
	paths := []string{filepath.FromSlash(GuestFile)}
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		paths = append(paths, filepath.Join(dir, filepath.FromSlash(GuestFile)), filepath.Join(dir, filepath.Base(GuestFile)))
	}
	return paths
}
