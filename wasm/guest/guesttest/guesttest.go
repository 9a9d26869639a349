// Package guesttest provides the guests and the import module to tests. If an environment variable
// names a file, that file is used. Otherwise the module is built from this source, once per
// process, so a test never runs an outdated one.
package guesttest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/guest"
	"nextquill/wasm/host"
)

var (
	ships   = sync.OnceValues(func() ([]byte, error) { return load(host.GuestVariable, guest.Ships) })
	imports = sync.OnceValues(func() ([]byte, error) { return load(importVariable, guest.Import) })
	test    = sync.OnceValues(func() ([]byte, error) { return load(host.TestGuestVariable, guest.Test) })
)

// importVariable is the environment variable that names another import module.
const importVariable = "NEXTQUILL_IMPORT_WASM"

// Main runs the tests of a package with examples. It builds the guest that ships and sets
// NEXTQUILL_WASM, so that host.LoadGuest finds it.
func Main(m *testing.M) int {
	if os.Getenv(host.GuestVariable) == "" {
		dir, err := os.MkdirTemp("", "nextquill-guest-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "guest.wasm")
		if err := guest.Build(context.Background(), guest.Ships, path, os.Stderr); err != nil {
			panic(err)
		}
		if err := os.Setenv(host.GuestVariable, path); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// Ships returns the guest that ships, or the file that NEXTQUILL_WASM names.
func Ships(t testing.TB) []byte {
	t.Helper()
	wasm, err := ships()
	require.NoError(t, err)
	return wasm
}

// Test returns the test guest, or the file that NEXTQUILL_TEST_WASM names.
func Test(t testing.TB) []byte {
	t.Helper()
	wasm, err := test()
	require.NoError(t, err)
	return wasm
}

// LoadImport returns the import module, or the file that NEXTQUILL_IMPORT_WASM names.
func LoadImport() ([]byte, error) { return imports() }

// LoadShips is Ships for fixtures that several tests share.
func LoadShips() ([]byte, error) { return ships() }

func load(variable, pkg string) ([]byte, error) {
	path := os.Getenv(variable)
	if path == "" {
		dir, err := os.MkdirTemp("", "nextquill-guest-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "guest.wasm")
		if err := guest.Build(context.Background(), pkg, path, os.Stderr); err != nil {
			return nil, err
		}
	}
	return host.LoadGuest(path)
}
