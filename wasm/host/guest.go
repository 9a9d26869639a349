package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"nextquill/core/fault"
)

// GuestFile is where cmd/buildwasm writes the guest, relative to the root of the repository.
const GuestFile = "build/nextquill.wasm"

// GuestVariable is the environment variable that names another file.
const GuestVariable = "NEXTQUILL_WASM"

// TestGuestFile and TestGuestVariable are the same for the test guest: see wasm/README.md.
const (
	TestGuestFile     = "build/nextquill-test.wasm"
	TestGuestVariable = "NEXTQUILL_TEST_WASM"
)

// maxGuest limits the size of the file; a guest has a few megabytes.
const maxGuest = 256 << 20

// LoadGuest reads the guest that ships from path. If path is empty it reads the file that
// NEXTQUILL_WASM names, else build/nextquill.wasm in the working directory or next to the program,
// else nextquill.wasm next to the program. A file that does not exist is a fault of kind Missing.
func LoadGuest(path string) ([]byte, error) {
	return load(path, GuestVariable, GuestFile, "go run ./cmd/buildwasm")
}

// LoadTestGuest does the same for the test guest.
func LoadTestGuest(path string) ([]byte, error) {
	return load(path, TestGuestVariable, TestGuestFile, "go run ./cmd/buildwasm --test")
}

func load(path, variable, file, build string) ([]byte, error) {
	paths := guestPaths(path, variable, file)
	for _, p := range paths {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() > maxGuest {
			return nil, fault.New(fault.TooLarge, p, "", "%d bytes", info.Size()).
				WithLimit("%d bytes", maxGuest)
		}
		wasm, err := os.ReadFile(p)
		if err != nil {
			return nil, fault.New(fault.Storage, p, "", "cannot be read").WithCause(err)
		}
		return wasm, nil
	}
	return nil, fault.New(fault.Missing, "guest", "", "no file %s", fault.Quote(paths[0])).
		WithRemedy("build it: %s (or set %s to the name of the file)", build, variable)
}

func guestPaths(path, variable, file string) []string {
	if path != "" {
		return []string{path}
	}
	if path = os.Getenv(variable); path != "" {
		return []string{path}
	}
	paths := []string{filepath.FromSlash(file)}
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		paths = append(paths, filepath.Join(dir, filepath.FromSlash(file)), filepath.Join(dir, filepath.Base(file)))
	}
	return paths
}
