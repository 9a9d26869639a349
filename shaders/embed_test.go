package shaders

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every file has a row in README.md, and every row a file.
func TestReadmeHasARowForEachFile(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var rows []string
	for _, line := range strings.Split(string(readme), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 2 {
			continue
		}
		for _, match := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[1], -1) {
			rows = append(rows, match[1]+".wgsl")
		}
	}
	entries, err := files.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(rows)
	require.Equal(t, names, rows)
}

// Text of a missing file is an error.
func TestText(t *testing.T) {
	text, err := Text("add")
	require.NoError(t, err)
	require.Contains(t, text, "fn main(")
	_, err = Text("missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}
