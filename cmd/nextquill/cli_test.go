package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s differs; if the change is intended, run the test with -update", path)
}

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "run", "personalize", "write", "explain", "serve", "eval", "step", "bench",
		"model", "model get", "model list", "model verify", "model info", "model convert", "model remove",
		"adapter", "adapter info", "adapter verify", "adapter merge"} {
		args := []string{"--help"}
		if command != "" {
			args = append(strings.Fields(command), "--help")
		}
		r := invoke(t, t.Context(), &fakeEngine{}, args...)
		require.Equal(t, exitOK, r.code)
		require.Empty(t, r.stderr)
		golden(t, "help"+strings.TrimSuffix("-"+strings.ReplaceAll(command, " ", "-"), "-")+".txt", r.stdout)
		for line := range strings.Lines(r.stdout) {
			require.LessOrEqual(t, len([]rune(line)), 140, line)
		}
	}
	require.Contains(t, invoke(t, t.Context(), &fakeEngine{}).stdout, "Start here")
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"wright"}, {"run", "--epochs", "many"}, {"step"}, {"bench", "--engine", "cuda"},
		{"write", "--retrieve", "all"}} {
		r := invoke(t, t.Context(), &fakeEngine{}, args...)
		require.Equal(t, exitUsage, r.code, "%v", args)
		requireLines(t, r.stderr, "nextquill: ", "--help")
		require.Empty(t, r.engine.calls)
	}
}

func TestRunOutput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "Ambrose Bierce", "Base, no history", "Base with history", "ContextSFT",
		"NextQuill", "Quill",
		"4.016",
		"A longing for what others", "[An +20]", "report.html", "happiness")
	requireLines(t, r.stderr, "train: NextQuill", "held-out 3.900", "tok/s")

	train := r.calls(t, "personalize")
	require.Len(t, train, 2)
	require.Equal(t, "quill", train[0]["preset"])
	require.Equal(t, map[string]any{"share": .1, "fit": true, "sharpness": 20., "boost": 1.}, train[0]["datastore"])
	require.Equal(t, "nextquill", train[1]["preset"])
	require.Equal(t, "out/adapter", train[1]["expert"])
	require.Equal(t, "out/nextquill", train[1]["out"])
	require.NotContains(t, train[1], "datastore")
	evaluated := r.calls(t, "evaluate")
	require.Len(t, evaluated, 5)
	require.Equal(t, "none", evaluated[3]["datastore"], "ContextSFT")
	require.NotContains(t, evaluated[4], "datastore", "Quill")
	require.Len(t, r.calls(t, "write"), 8)

	for _, name := range []string{"report.html", "history.jsonl", "heldout.jsonl",
		"adapter/adapter_model.safetensors"} {
		require.FileExists(t, filepath.Join(out, name))
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	require.NoError(t, err)
	requireLines(t, string(page), "test device", "frozen: the ContextSFT adapter", "4.016",
		"0.125, fitted to the 60 held-out texts")
	require.True(t, r.engine.closed)
}

func TestShareFact(t *testing.T) {
	r := api.RememberResult{Share: .125, Fitted: 60}
	require.Equal(t, "0.125, fitted to the 60 held-out texts; each is tested with a share fitted to others",
		shareFact(r, false))
	require.Equal(t, "0.125, fitted to the 60 texts that early stopping watches", shareFact(r, true))
	r.Fitted = 0
	require.Equal(t, "0.125, the default: too few texts to fit it to", shareFact(r, false))
}

func TestRunWithHistory(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, "{\"text\": \"text %d\", \"time\": \"2024-01-%02d\", \"to\": \"Ann\"}\n", i, i+1)
	}
	file := filepath.Join(dir, "posts.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o644))
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--history", file, "--out", filepath.Join(dir, "out"), "--epochs",
		"1", "--rank", "4")
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "write like posts", "16 training texts, 4 held-out texts")
	train := r.calls(t, "personalize")[0]
	require.Equal(t, map[string]any{"rank": 4., "alpha": 8.}, train["lora"])
	require.EqualValues(t, 1, train["training"].(map[string]any)["epochs"])
}

func TestPersonalizeTrainsAnExpertFirst(t *testing.T) {
	dir := t.TempDir()
	texts := filepath.Join(dir, "posts.txt")
	require.NoError(t, os.WriteFile(texts, []byte("one\n\ntwo\n\nthree\n\nfour\n\nfive\n"), 0o644))
	out := filepath.Join(dir, "out")
	r := invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", texts, "--out", out, "--preset",
		"nextquill")
	require.Equal(t, exitOK, r.code, r.stderr)
	train := r.calls(t, "personalize")
	require.Len(t, train, 2)
	require.Equal(t, "out/contextsft", train[1]["expert"])
	requireLines(t, r.stdout, "Base with history", "nextquill", "4.000")

	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", texts, "--out", out, "--preset",
		"nextquill-code", "--resume")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Len(t, r.calls(t, "personalize"), 1)
	require.Equal(t, true, r.calls(t, "personalize")[0]["resume"])

	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", texts, "--out", out, "--expert",
		filepath.Join(out, "adapter"), "--method", "nextquill")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, "out/adapter", r.calls(t, "personalize")[0]["expert"])

	r = invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", texts, "--out", out, "--preset", "nextquil")
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, "nextquil", "→ use one of contextsft")
}

// Training may start from an adapter. It keeps its parameters, and only the adapter itself starts
// there, not the frozen expert.
func TestPersonalizeFromAnAdapter(t *testing.T) {
	dir := t.TempDir()
	texts, out, from := filepath.Join(dir, "mine.txt"), filepath.Join(dir, "out"), filepath.Join(dir, "earlier")
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, "text %d of mine\n\n", i)
	}
	require.NoError(t, os.WriteFile(texts, []byte(lines.String()), 0o644))
	makeAdapter(t, from)
	r := invoke(t, t.Context(), &fakeEngine{}, "personalize", "--history", texts, "--out", out, "--from", from,
		"--preset", "nextquill")
	require.Equal(t, exitOK, r.code, r.stderr)
	train := r.calls(t, "personalize")
	require.Len(t, train, 2)
	require.Nil(t, train[0]["from"])
	require.NotZero(t, train[0]["lora"].(map[string]any)["rank"])
	require.Equal(t, "from", train[1]["from"])
	require.Zero(t, train[1]["lora"].(map[string]any)["rank"])
	require.Len(t, r.calls(t, "evaluate"), 3, "base, start, end")
	requireLines(t, r.stdout, "From")

	for _, extra := range [][]string{{"--rank", "4"}, {"--full"}} {
		r = invoke(t, t.Context(), &fakeEngine{},
			append([]string{"personalize", "--history", texts, "--out", out, "--from", from}, extra...)...)
		require.Equal(t, exitFault, r.code)
		requireLines(t, r.stderr, "has its own rank and alpha", "nextquill adapter merge")
	}
}

// Early stopping selects the adapter, so it must not use the texts of the final test.
func TestEarlyStopUsesSeparateTexts(t *testing.T) {
	s := &fakeEngine{}
	r := invoke(t, t.Context(), s, "run", "--patience", "2", "--out", t.TempDir())
	require.Equal(t, exitOK, r.code, r.stderr)
	for _, p := range r.calls(t, "personalize") {
		source := p["source"].(map[string]any)
		require.Equal(t, "in/learn.jsonl", source["history"])
		require.Equal(t, "in/watch.jsonl", source["heldout"])
	}
	for _, p := range r.calls(t, "evaluate") {
		require.Equal(t, "in/heldout.jsonl", p["source"].(map[string]any)["heldout"])
	}
	count := func(name string) int {
		raw, err := blob.ReadAll(t.Context(), s.store, name, 1<<20)
		require.NoError(t, err)
		return strings.Count(string(raw), "\n")
	}
	require.Equal(t, 160, count("in/learn.jsonl")+count("in/watch.jsonl"))
	require.Equal(t, 24, count("in/watch.jsonl"))
}

func TestFaultMessages(t *testing.T) {
	dir := t.TempDir()
	out := []string{"--out", filepath.Join(dir, "out")}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"personalize"}, []string{"--history: is missing", "→ set a file or folder"}},
		{[]string{"personalize", "--history", "absent.jsonl"},
			[]string{"absent.jsonl: the file does not exist", "→ check the path"}},
		{[]string{"personalize", "--history", file("a.pdf", "x")},
			[]string{"a.pdf: PDF files are not read", "→ save the document as .docx"}},
		{[]string{"personalize", "--history", file("one.txt", "only one\n")},
			[]string{"held-out count", "→ add items"}},
		{[]string{"personalize", "--history", file("bad.jsonl", "{\"text\": 1}\n")}, []string{"bad.jsonl: line 1"}},
		{[]string{"personalize", "--history", file("bytes.txt", "a\x00\x01\xff\n")},
			[]string{"bytes.txt: the file is not a text", "→ use a format"}},
		{[]string{"personalize", "--history", file("empty.csv", "")}, []string{"empty.csv"}},
		{[]string{"write", "x"}, []string{"no texts of an earlier run", "→ set the writer's texts"}},
		{[]string{"write", "x", "--history", file("h.txt", "a\n\nb\n")},
			[]string{"there is no trained adapter yet", "--adapter none"}},
		{[]string{"write", "--history", file("h.txt", "a\n\nb\n"), "--adapter", "none"},
			[]string{"nothing to write about"}},
		{[]string{"write", "x", "-c", "nonsense", "--history", file("h.txt", "a\n"), "--adapter", "none"},
			[]string{"is not NAME=VALUE"}},
		{[]string{"write", "x", "--model", filepath.Join(dir, "no-model")},
			[]string{"no-model: the folder does not exist"}},
		{[]string{"write", "x", "--history", file("h.txt", "a\n"), "--adapter", file("lora.gguf", "GGUF")},
			[]string{"lora.gguf: is a GGUF file, not an adapter", "→ use the folder with adapter_config.json"}},
		{[]string{"write", "x", "--history", file("h.txt", "a\n"), "--adapter", file("lora.bin", "")},
			[]string{"lora.bin: is a file, not a folder", "→ use the folder of an adapter"}},
		{[]string{"explain"}, []string{"needs either a text or --item"}},
		{[]string{"step", "--batch", "absent", "--options", "absent"}, []string{"absent: the file does not exist"}},
		{[]string{"step", "--batch", file("b.json", "{}"), "--options", file("o.json", "{\"delt\": 1}")},
			[]string{"o.json", `unknown field "delt"`}},
		{[]string{"step", "--batch", file("b.json", "{}"), "--options", file("o2.json", `{"expert": "gone"}`)},
			[]string{"gone: the folder does not exist"}},
	} {
		r := invoke(t, t.Context(), &fakeEngine{}, append(c.args, out...)...)
		require.Equal(t, exitFault, r.code, "%v: %s", c.args, r.stdout)
		requireLines(t, r.stderr, c.want...)
		require.True(t, strings.HasPrefix(r.stderr, "nextquill: "), r.stderr)
	}
}

func TestWriteRequest(t *testing.T) {
	dir := t.TempDir()
	texts := filepath.Join(dir, "h.csv")
	require.NoError(t, os.WriteFile(texts, []byte("word,text,time\nenvy,a,2024-01-01\npride,b,2024-01-02\n"), 0o644))
	r := invoke(t, t.Context(), &fakeEngine{}, "write", "ambition", "-c", "part=noun", "-c", "meaning=a = b, c",
		"--history", texts,
		"--adapter", "none", "--steer", "0.5", "--temperature", "0", "--retrieve", "bm25", "--k", "5", "--out", dir)
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, "A longing for what others have.\n", r.stdout)
	p := r.calls(t, "write")[0]
	require.Equal(t, []any{
		map[string]any{"name": "word", "value": "ambition"}, map[string]any{"name": "part", "value": "noun"},
		map[string]any{"name": "meaning", "value": "a = b, c"},
	}, p["context"])
	require.Nil(t, p["adapter"])
	require.Equal(t, map[string]any{"kind": "bm25", "k": 5.}, p["retrieval"])
	require.EqualValues(t, .5, p["sampling"].(map[string]any)["steer"])
	require.Nil(t, p["sampling"].(map[string]any)["temperature"])
}

func TestWriteAndExplainUseTheLastRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	require.Equal(t, exitOK, invoke(t, t.Context(), &fakeEngine{}, "run", "--out", out).code)
	r := invoke(t, t.Context(), &fakeEngine{}, "write", "ambition", "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, "out/adapter", r.calls(t, "write")[0]["adapter"])

	page := filepath.Join(out, "item.html")
	r = invoke(t, t.Context(), &fakeEngine{}, "explain", "--item", "3", "--out", out, "--html", page)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "[An +20] [agreeable −6] sensation", "percentage points")
	require.FileExists(t, page)
	require.EqualValues(t, 3, r.calls(t, "explain")[0]["item"])
}

func TestStepPassesFilesAndTheExpert(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	write("batch.json", `{"samples":[]}`)
	write("sub/options.json", `{"delta": 0.02, "expert": "../frozen"}`)
	write("frozen/adapter_config.json", `{"r": 4}`)
	write("live/adapter_config.json", `{}`)
	s := &fakeEngine{}
	s.fail = func(ctx context.Context, method string) error {
		if method != "step" {
			return nil
		}
		options, err := blob.ReadAll(ctx, s.store, "in/options.json", 1<<20)
		require.NoError(t, err)
		var o map[string]any
		require.NoError(t, json.Unmarshal(options, &o))
		require.Equal(t, "../expert", o["expert"])
		require.EqualValues(t, .02, o["delta"])
		// path.Join("in", "../expert") is how the core resolves it.
		config, err := blob.ReadAll(ctx, s.store, "expert/adapter_config.json", 100)
		require.NoError(t, err)
		require.Equal(t, `{"r": 4}`, string(config))
		require.ErrorIs(t, s.store.Write(ctx, "expert/x", nil), fault.Unsupported)
		return nil
	}
	r := invoke(t, t.Context(), s, "step", "--batch", filepath.Join(dir, "batch.json"), "--options",
		filepath.Join(dir, "sub", "options.json"),
		"--adapter", filepath.Join(dir, "live"), "--out", filepath.Join(dir, "out"))
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Contains(t, r.stdout, "loss 1.500000   L_n 1.250000   L_p 2.500000\n")
	require.Equal(t, "adapter", r.calls(t, "step")[0]["adapter"])
}

func TestBenchTables(t *testing.T) {
	r := invoke(t, t.Context(), &fakeEngine{}, "bench", "--out", t.TempDir(), "--history", "400")
	require.Equal(t, exitOK, r.code, r.stderr)
	golden(t, "bench.txt", r.stdout)
	require.EqualValues(t, 400, r.calls(t, "bench")[0]["history"])
}

func TestJSONIsOnlyJSON(t *testing.T) {
	r := invoke(t, t.Context(), &fakeEngine{}, "run", "--json", "--out", t.TempDir())
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Empty(t, r.stderr)
	events := map[string]int{}
	for line := range strings.Lines(r.stdout) {
		var e struct{ Event string }
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		events[e.Event]++
	}
	require.Equal(t, map[string]int{"begin": 17, "end": 17, "result": 17, "step": 4, "eval": 2, "checkpoint": 2,
		"token": 32}, events)
}

func TestInterruptTellsHowToResume(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &fakeEngine{}
	s.fail = func(ctx context.Context, method string) error {
		if method == "personalize" {
			cancel()
			return blob.Cancelled(ctx)
		}
		return nil
	}
	r := invoke(t, ctx, s, "run", "--out", t.TempDir())
	require.Equal(t, exitInterrupted, r.code)
	requireLines(t, r.stderr, "✗ train: Quill", "nextquill: stopped", "Saved a checkpoint of step 1 in",
		"--resume")
	require.True(t, s.closed)
}

func TestErrorsReplaceBlobNamesByPaths(t *testing.T) {
	dir := t.TempDir()
	s := &fakeEngine{fail: func(context.Context, string) error {
		return fmt.Errorf("loading: %w", fault.New(fault.Malformed, "model/config.json", "hidden_size", "-1").
			WithCause(fault.New(fault.Missing, "x", "", "gone\x1b[2J").WithRemedy("download it again")))
	}}
	r := invoke(t, t.Context(), s, "bench", "--model", dir, "--out", t.TempDir())
	require.Equal(t, exitFault, r.code)
	require.Contains(t, r.stderr, "nextquill: loading: "+filepath.Join(dir, "config.json")+
		": hidden_size: -1: x: gone␛[2J\n  → download it again\n")
	require.True(t, s.closed)

	sentence, remedy := explainFault(errors.New("plain"), nil)
	require.Equal(t, "plain", sentence)
	require.Empty(t, remedy)
}
