package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWithoutMetrics checks that the functions are found in this version of Go.
func TestWithoutMetrics(t *testing.T) {
	goroot, err := run(exec.CommandContext(t.Context(), "go", "env", "GOROOT"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(goroot, "src", "runtime", "metrics.go"))
	require.NoError(t, err)
	changed := withoutMetrics(string(text))
	require.Contains(t, changed, "\nfunc initMetrics() {\n\treturn\n")
	require.Equal(t, 2, strings.Count(changed, " {\n\treturn\n"))
	require.Equal(t, "func other() {\n", withoutMetrics("func other() {\n"))
}
