package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUnknownGuestShipsUnshrunk: what shrink refuses is written as the linker made it, with a
// warning, and an outdated list of symbols is removed.
func TestUnknownGuestShipsUnshrunk(t *testing.T) {
	out := filepath.Join(t.TempDir(), "guest.wasm")
	symbols := strings.TrimSuffix(out, ".wasm") + ".symbols"
	producers := func(version string) string {
		field := "\x08language\x01\x02Go" + string(rune(len(version))) + version
		body := "\x09producers\x01" + field
		return "\x00asm\x01\x00\x00\x00\x00" + string(rune(len(body))) + body
	}
	for module, want := range map[string]string{
		producers("go1.99.1"):            `Go version: it was built with "go1.99.1" (limit go1.26, go1.27)`,
		producers("devel go1.28-abc123"): `it was built with "devel go1.28-abc123"`,
		producers("go1.26.0"):            "there is no section 11",
		"no module":                      "not a WebAssembly module",
	} {
		require.NoError(t, os.WriteFile(symbols, nil, 0o644))
		var warnings strings.Builder
		require.NoError(t, write([]byte(module), out, &warnings))
		require.Contains(t, warnings.String(), "warning: the guest works but is not shrunk: guest: ")
		require.Contains(t, warnings.String(), want)
		written, err := os.ReadFile(out)
		require.NoError(t, err)
		require.Equal(t, module, string(written))
		require.NoFileExists(t, symbols)
	}
}

// TestHotPackagesExist: the tool chain ignores flags for packages that are not there.
func TestHotPackagesExist(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "nextquill/wasm")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	list, err := run(cmd)
	require.NoError(t, err)
	require.Subset(t, strings.Split(list, "\n"), hot)
}
