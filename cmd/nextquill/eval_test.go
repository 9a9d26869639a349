package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEvalDryRun(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for _, user := range []string{"ann", "bo\x1b[2J", "short"} {
		for i := range 12 {
			if user != "short" || i < 3 {
				lines.WriteString(`{"user": "` + strings.ReplaceAll(user, "\x1b", `\u001b`) + `", "date": "2020-01-` +
					string(rune('0'+i/10)) + string(rune('1'+i%9)) + `", "text": "Text ` + string(rune('a'+i)) +
					`."}` + "\n")
			}
		}
	}
	lines.WriteString(`{"user": "ann", "text": "text a."}` + "\n")
	data := filepath.Join(dir, "data.jsonl")
	require.NoError(t, os.WriteFile(data, []byte(lines.String()), 0o644))
	out := filepath.Join(dir, "out")
	args := []string{"eval", "--dry-run", "--data", data, "--out", out, "--min-train", "5", "--validation", "2",
		"--test", "2",
		"--methods", "base,contextsft"}
	r := invoke(t, t.Context(), &fakeEngine{}, args...)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "ann", "same text again", "too few texts", `writer "short"`, "4 cells, of which 0 are "+
		"finished")
	require.NotContains(t, r.stdout, "\x1b")
	require.Empty(t, r.engine.calls)
	require.NoDirExists(t, out)

	for wrong, message := range map[string]string{
		"--methods=quil": "unknown method", "--regimes=pool": "use personal, pooled, pooled-personal",
		"--validation=0": "at least 1", "--data=" + data + "x": "does not exist", "--min-train=50": "no writer has " +
			"enough texts",
	} {
		r := invoke(t, t.Context(), &fakeEngine{}, append(args, wrong)...)
		require.Equal(t, exitFault, r.code, wrong)
		requireLines(t, r.stderr, message)
	}
}
