package docs_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// TestVersion compares every place that states the version with api.Version, its source.
func TestVersion(t *testing.T) {
	for _, name := range []string{"../web/package.json", "../web/npm/package.json"} {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		var p struct{ Version string }
		require.NoError(t, json.Unmarshal(data, &p))
		require.Equal(t, api.Version, p.Version, name)
	}
	changes, err := os.ReadFile("../CHANGELOG.md")
	require.NoError(t, err)
	require.Contains(t, string(changes), "\n## "+api.Version+"\n")
	stability, err := os.ReadFile("stability.md")
	require.NoError(t, err)
	require.Contains(t, string(stability), "The version is "+api.Version+".")
}
