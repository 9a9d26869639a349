package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A run on this machine's device: a second one computes nothing again, and one with other
// settings is refused. Everything that does not need the device is tested in package eval.
func TestEval(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	eval := func(args ...string) (code int, stdout, stderr string) {
		var b, e bytes.Buffer
		a := &app{stdout: &b, stderr: &e, getenv: func(string) string { return "" }, open: openEngine}
		code = run(t.Context(), append([]string{"eval", "--engine", "native", "--out", out, "--train", "4",
			"--min-train",
			"4", "--validation", "1", "--test", "2", "--methods", "base", "--drafts", "1"}, args...), a)
		return code, b.String(), e.String()
	}
	code, stdout, stderr := eval()
	require.Equal(t, exitOK, code, stderr)
	requireLines(t, stdout, "Comparing 1 method on the texts of 1 writer", "Held-out loss", "Base", "report.html")
	requireLines(t, stderr, "base: Ambrose Bierce", "0 of 1 done", "loss ")
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		return string(raw)
	}
	results := read("results.jsonl")
	require.Equal(t, 2, strings.Count(results, "\n"))
	requireLines(t, read("table.md"), "| Base |")
	requireLines(t, read("report.html"), "The sample writer: Ambrose Bierce", "The writer")

	code, _, stderr = eval()
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, results, read("results.jsonl"))
	require.NotContains(t, stderr, "score")

	code, _, stderr = eval("--epochs", "2")
	require.Equal(t, exitFault, code)
	requireLines(t, stderr, "results of other settings: --epochs: 3 there, 2 now")
	code, _, stderr = eval("--test", "3")
	require.Equal(t, exitFault, code)
	requireLines(t, stderr, "has results on other texts")
	require.Equal(t, results, read("results.jsonl"))
}

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
		"--data=" + data + "x": "does not exist", "--min-train=50": "no writer has " +
			"enough texts",
	} {
		r := invoke(t, t.Context(), &fakeEngine{}, append(args, wrong)...)
		require.Equal(t, exitFault, r.code, wrong)
		requireLines(t, r.stderr, message)
	}
}
