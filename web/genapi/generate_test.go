package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOutputIsCurrent compares the file with the Go types.
func TestOutputIsCurrent(t *testing.T) {
	want, err := generate("../..")
	require.NoError(t, err)
	got, err := os.ReadFile("../../" + Output)
	require.NoError(t, err)
	if string(want) != string(got) {
		t.Fatalf("%s does not match the Go types. Regenerate it: %s", Output, Command)
	}
}
