package mail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMailAgainstPython compares headers and decoded bodies with those of Python's email package;
// see testdata/oracle.py.
func TestMailAgainstPython(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	require.NoError(t, err)
	require.Greater(t, len(files), 8)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var want struct{ Subject, Name, Address, Type, Body string }
		raw, err := os.ReadFile(strings.TrimSuffix(path, ".eml") + ".json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &want))
		h, body := splitHeader(data)
		from, ok := firstAddress(h.unfolded("from"))
		require.True(t, ok)
		kind, got := leaf(h, body)
		require.Equal(t, want.Subject, h.text("subject"), path)
		require.Equal(t, want.Name, from.Name, path)
		require.Equal(t, want.Address, from.Address, path)
		require.Equal(t, want.Type, kind, path)
		require.Equal(t, strings.TrimRight(want.Body, "\n"), strings.TrimRight(got, "\n"), path)
	}
}

// leaf returns the first text part, as it is decoded.
func leaf(h header, body []byte) (kind, text string) {
	kind, params := contentType(h)
	if strings.HasPrefix(kind, "multipart/") {
		for _, raw := range splitParts(body, params["boundary"]) {
			h, body := splitHeader(raw)
			if kind, text := leaf(h, body); text != "" {
				return kind, text
			}
		}
		return "", ""
	}
	return kind, (&mailReader{}).decode(h, body, params["charset"])
}
