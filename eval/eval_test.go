package eval

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/method"
)

func TestEveryCellRunsOnce(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "new", "results.jsonl")
	users := testUsers(4, 3)
	for stopped := range 3 { // three runs are stopped, after 1, 2 and 3 cells
		r := f.runner(path, users, false, "base", "contextsft", "quill")
		f.stop = stopped + 2
		require.ErrorIs(t, r.Run(t.Context()), context.Canceled)
		f.stop = 0
		require.NoError(t, r.Results.Close())
	}
	r := f.runner(path, users, false, "base", "contextsft", "quill")
	cells, finished, err := r.Todo()
	require.NoError(t, err)
	require.Equal(t, []int{12, 6}, []int{cells, finished})
	require.NoError(t, r.Run(t.Context()))
	require.Equal(t, 12, f.count())
	require.Equal(t, 1, f.most())

	// More methods and more users add cells to the same results.
	r = f.runner(path, append(testUsers(6, 3)[4:], users...), false, "contextsft", "quill", "cos")
	require.NoError(t, r.Run(t.Context()))
	require.Equal(t, 12+4+2*3, f.count())
	require.Equal(t, 1, f.most())
}

// A process that is killed while it writes leaves an incomplete last line, which is removed.
func TestIncompleteLastLine(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	users := testUsers(2, 3)
	r := f.runner(path, users, false, "base")
	require.NoError(t, r.Run(t.Context()))
	require.NoError(t, r.Results.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	for cut := range len(lines[2]) - 1 {
		if cut%97 != 0 {
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(lines[0]+lines[1]+lines[2][:cut]), 0o644))
		r := f.runner(path, users, false, "base")
		_, finished, err := r.Todo()
		require.NoError(t, err)
		require.Equal(t, 1, finished)
		require.NoError(t, r.Run(t.Context()))
		require.NoError(t, r.Results.Close())
		again, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(whole), string(again))
	}
}

// So does one that is killed while it writes the settings.
func TestIncompleteFirstLine(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	require.NoError(t, f.runner(path, testUsers(2, 3), false, "base").Results.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, begin := range []string{"", string(whole[:1]), string(whole[:20]), string(whole[:len(whole)-1]),
		string(whole[:40]) + "\x00\x00", "\x00\x00\x00"} {
		require.NoError(t, os.WriteFile(path, []byte(begin), 0o644))
		require.NoError(t, f.runner(path, testUsers(2, 3), false, "base").Results.Close(), "%q", begin)
		again, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(whole), string(again))
	}
}

// A line is refused as soon as it is longer than the limit.
func TestLongLine(t *testing.T) {
	for length, ok := range map[int]bool{0: true, 99: true, 100: false, 300: false} {
		text := strings.Repeat("x", length)
		raw, complete, err := readLine(bufio.NewReaderSize(strings.NewReader(text+"\nrest"), 16), 100)
		if !ok {
			require.ErrorIs(t, err, errLongLine)
			continue
		}
		require.NoError(t, err)
		require.True(t, complete)
		require.Equal(t, text+"\n", string(raw))
	}
	endless := iotest.TimeoutReader(zeros{}) // fails at the second read
	_, _, err := readLine(bufio.NewReaderSize(endless, 16), 10)
	require.ErrorIs(t, err, errLongLine)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRefusedResults(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r := f.runner(path, testUsers(2, 3), false, "base", "contextsft")
	require.NoError(t, r.Run(t.Context()))
	require.NoError(t, r.Results.Close())

	other := testSettings()
	other.Training.Epochs = new(4.)
	_, err := OpenResults(path, other)
	require.ErrorIs(t, err, fault.Mismatch)
	require.ErrorContains(t, err, "--epochs: 3 there, 4 now")
	other = testSettings()
	other.Model, other.Weights = "x", "y"
	_, err = Peek(path, other)
	require.ErrorContains(t, err, "--model: m there, x now")

	changed := testUsers(2, 3)
	changed[1].Test[0].Text = "Another text."
	r = f.runner(path, changed, false, "base")
	require.ErrorIs(t, r.Run(t.Context()), fault.Mismatch)
	require.ErrorContains(t, r.Run(t.Context()), `"user 1"`)

	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, r.Results.Close())
	lines := strings.SplitAfter(string(raw), "\n")
	for _, damaged := range []string{"x\n" + string(raw), strings.Replace(string(raw), `"kind":"cell"`,
		`"kind":"cell`, 1), lines[1], "{}\n", lines[0] + "{}\n",
		// files that are not results
		"my diary", `{"kind":"cell","x":1`, lines[0] + "my diary", "\n",
		// two candidates, but the losses of one
		lines[0] + `{"kind":"identify","method":"contextsft","regime":"personal","user":"user 0",` +
			`"identify":{"candidates":["user 0","user 1"],"losses":[[1]]}}` + "\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(damaged), 0o644))
		_, err = OpenResults(path, testSettings())
		require.ErrorIs(t, err, fault.Malformed, damaged)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, damaged, string(kept), "a damaged file is not changed")
	}
}

func TestSharedPartsAreTrainedOnce(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	users := testUsers(5, 3)
	entries, err := Entries([]string{"contextsft", "base", "oppu"}, []method.Regime{method.Pooled,
		method.PooledPersonal}, false)
	require.NoError(t, err)
	require.Len(t, entries, 4) // base and oppu have the personal regime only
	r := f.runner(path, users[:3], false, "base")
	r.Entries, r.Others = entries, users[3:]
	require.NoError(t, r.Run(t.Context()))
	require.Equal(t, 2, f.shares) // contextsft for both regimes, and oppu's task adapter
	again := f.runner(path, users[:3], false, "base")
	again.Entries, again.Others = entries, users[3:]
	require.NoError(t, again.Run(t.Context()))
	require.Equal(t, 2, f.shares)
	// Pooled results depend on the texts of all users.
	fewer := f.runner(path, users[:2], false, "base")
	fewer.Entries, fewer.Others = entries, users[3:]
	require.ErrorIs(t, fewer.Run(t.Context()), fault.Mismatch)

	alone := f.runner(filepath.Join(t.TempDir(), "results.jsonl"), users[:1], true, "contextsft")
	require.ErrorIs(t, alone.Run(t.Context()), fault.Missing)
}

// An adapter is trained once for all entries that differ only in how they predict.
func TestAdaptersAreTrainedOnce(t *testing.T) {
	f := newFake(t)
	f.trained = map[ID]string{}
	r := f.runner(filepath.Join(t.TempDir(), "results.jsonl"), testUsers(2, 3), true, "base", "latestk", "contextsft",
		"nextquill", "quill")
	r.Identify = 0
	require.NoError(t, r.Run(t.Context()))
	got := map[string]string{}
	for id, adapter := range f.trained {
		if id.User == "user 1" {
			got[id.Method+" "+id.Control] = adapter
		}
	}
	require.Equal(t, map[string]string{"contextsft shuffled": "contextsft-personal/user 1",
		"nextquill shuffled": "nextquill-personal/user 1", "quill ": "contextsft-personal/user 1",
		"quill shuffled": "quill-personal/user 1"}, got)
}

func TestEntries(t *testing.T) {
	entries, err := Entries([]string{"base", "quill"}, []method.Regime{method.Personal}, true)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.folder())
	}
	require.Equal(t, []string{"base-personal", "quill-personal", "quill-personal-shuffled"}, got)
	_, err = Entries([]string{"quil"}, nil, false)
	require.ErrorIs(t, err, fault.Unsupported)
	_, err = Entries([]string{"base", "base"}, nil, false)
	require.ErrorIs(t, err, fault.Malformed)
}

func TestTimeLeft(t *testing.T) {
	f := newFake(t)
	r := f.runner(filepath.Join(t.TempDir(), "results.jsonl"), testUsers(3, 3), false, "base", "contextsft")
	var left []float64
	r.On = func(e Event) {
		if e.Kind == "begin" && !strings.Contains(e.Label, "author") {
			left = append(left, e.Left)
		}
	}
	r.Identify = 0
	require.NoError(t, r.Run(t.Context()))
	// After one cell without training, one with training is expected to take three times as long.
	require.Equal(t, []float64{-1, 10 * (2 + 3*3), 40, 30, 20, 10}, left)
}

func TestFoldersOfUsers(t *testing.T) {
	require.Equal(t, "c00236704", folder("c00236704"))
	seen := map[string]bool{}
	for _, id := range []string{"A", "a/b", "../x", "", "é", strings.Repeat("y", 40), "x y"} {
		name := folder(id)
		require.Regexp(t, `^x[0-9a-f]{16}$`, name)
		require.False(t, seen[name], name)
		seen[name] = true
	}
}
