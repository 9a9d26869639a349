package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const chatFixture = `03.04.2024, 08:15 - Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.
03.04.2024, 08:16 - Mia Kern: Kommst du heute?
03.04.2024, 08:20 - Jan: Ja, gegen sechs.
03.04.2024, 08:21 - Jan: Ich bringe Brot mit
und Käse
14.04.2024, 19:02 - Mia Kern: <Medien ausgeschlossen>
14.04.2024, 19:03 - Jan: Schönes Bild!
14.04.2024, 19:05 - Mia Kern: Danke
`

// writeChat writes the fixture and returns its path.
func writeChat(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "WhatsApp Chat mit Mia Kern.txt")
	require.NoError(t, os.WriteFile(path, []byte(chatFixture), 0o644))
	return path
}

func TestSeveralSendersAreRefused(t *testing.T) {
	chat := writeChat(t)
	for _, command := range []string{"run", "personalize"} {
		r := invoke(t, t.Context(), &fakeEngine{}, command, "--history", chat,
			"--out", filepath.Join(t.TempDir(), "out"))
		require.Equal(t, exitFault, r.code)
		requireLines(t, r.stderr, "3  --me Jan  (probably you)", "2  --me \"Mia Kern\"", "“Kommst du heute?”",
			"has messages of 2 senders", "→ name yourself with --me, probably: --me Jan")
		require.Empty(t, r.engine.calls)
	}
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--history", chat, "--me", "Tom")
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, `no sender is named "Tom"`, "→ use one of: Jan, Mia Kern")
}

func TestOnlyTheChosenSenderIsLearned(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	r := invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", writeChat(t), "--me", "jan", "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stderr, "3 texts imported, 4 left out (--dry-run shows them)")
	training, err := readExchange(filepath.Join(out, historyFile))
	require.NoError(t, err)
	heldout, err := readExchange(filepath.Join(out, heldoutFile))
	require.NoError(t, err)
	var texts []string
	for _, it := range append(training, heldout...) {
		texts = append(texts, it.Text)
	}
	require.Equal(t, []string{"Ja, gegen sechs.", "Ich bringe Brot mit\nund Käse", "Schönes Bild!"}, texts)
}

func TestDryRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--history", writeChat(t), "--me", "Jan", "--dry-run",
		"--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "Imported: 3 texts, 2024-04-03 to 2024-04-14", "*      3  --me Jan",
		"2024-04-03 “Ja, gegen sechs.”", "2  written by others", "1  a note about a picture, file, call or place",
		"line 6")
	require.Empty(t, r.engine.calls)
	require.NoDirExists(t, out)

	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", writeChat(t), "--dry-run")
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "say which sender is you with --me")
	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", writeChat(t), "--me", "Jan", "--dry-run",
		"--json")
	require.Equal(t, exitOK, r.code, r.stderr)
	var event struct {
		Event  string
		Texts  int
		Result struct {
			Senders []struct{ Name string }
			LeftOut []struct{ Count int } `json:"left_out"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &event))
	require.Equal(t, "result", event.Event)
	require.Equal(t, 3, event.Texts)
	require.Equal(t, "Jan", event.Result.Senders[0].Name)
	require.Equal(t, 2, event.Result.LeftOut[0].Count)
	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--dry-run")
	require.Equal(t, exitFault, r.code)
}

func TestTextColumn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	require.NoError(t, os.WriteFile(path, []byte("nr;Eintrag\n1;Eins\n2;Zwei\n"), 0o644))
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--history", path, "--dry-run")
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, "no column is named text", "--text-column NAME; the columns are: nr, Eintrag")
	r = invoke(t, t.Context(), &fakeEngine{}, "run", "--history", path, "--dry-run", "--text-column", "eintrag")
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "Imported: 2 texts", "“Eins”")
}

func TestEqualTextsAreNotHeldOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	same := strings.Repeat("{\"text\": \"Same.\"}\n", 10)
	require.NoError(t, os.WriteFile(path, []byte(same), 0o644))
	out := filepath.Join(t.TempDir(), "out")
	r := invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", path, "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stderr, "All 2 held-out texts are also training texts: they are left out, and nothing is tested")
	requireLines(t, r.stdout, "Adapter: ")
	require.NotContains(t, r.stdout, "Held-out loss")
	require.Empty(t, r.calls(t, "evaluate"))
	r = invoke(t, t.Context(), &fakeEngine{}, "run", "--history", path, "--out", out)
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, "held-out texts: all are copies of training texts", "→ add other texts")
	require.NoError(t, os.WriteFile(path, []byte(same+"{\"text\": \"New.\"}\n{\"text\": \"Same.\"}\n"), 0o644))
	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", path, "--out", out)
	requireLines(t, r.stderr, "1 of 2 held-out texts are left out")
	heldout, err := readExchange(filepath.Join(out, heldoutFile))
	require.NoError(t, err)
	require.Len(t, heldout, 1)
}
