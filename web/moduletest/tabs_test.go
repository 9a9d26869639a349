package moduletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// stored is what an origin has in storage.
type stored struct{ Left, Files, Databases []string }

// TestTabs uses one storage from several tabs. While one trains, the other reads, writes drafts and
// edits the history, but cannot train; when the first is gone, it resumes the run.
func TestTabs(t *testing.T) {
	t.Parallel()
	f := load(t, "tabs.steps")
	first, second := f.openTab(), f.openTab()
	defer second.Close()
	var adapter string
	first.call(&adapter, "train")

	var r struct {
		Busy           []string
		Draft, Adapter string
		Active         bool
	}
	second.call(&r, "useMeanwhile")
	require.Len(t, r.Busy, 2)
	for _, message := range r.Busy {
		require.Contains(
			t,
			message,
			"this model is being trained, in this tab or another; wait for that run, or cancel it there; "+
				"writing works meanwhile",
		)
	}
	t.Log(r.Busy[0])
	require.NotEmpty(t, r.Draft)
	require.Equal(t, adapter, r.Adapter, "the old adapter stays until the run is done")
	require.True(t, r.Active)
	var state string
	first.call(&state, "runState")
	require.Equal(t, "running", state)

	t.Run("changes reach the other tab", func(t *testing.T) {
		for _, c := range []struct {
			from, to   *tab
			step, text string
		}{
			{second, first, "addText", "from the second tab"},
			{first, second, "changeNewest", "changed in the first"},
		} {
			c.to.call(nil, "listen")
			c.from.call(nil, c.step, c.text)
			var text string
			c.to.call(&text, "heardText")
			require.Equal(t, c.text, text)
		}
		second.call(nil, "removeText")
	})

	// The first tab is closed in the middle of its run: the second resumes it.
	var saved, resumed int
	first.call(&saved, "unfinishedStep")
	first.Close()
	second.call(&resumed, "takeOver")
	require.Greater(t, resumed, saved)

	// A third tab deletes everything while the second trains: nothing of that comes back.
	second.call(nil, "startRun")
	third := f.openTab()
	defer third.Close()
	var forgotten, later stored
	third.call(&forgotten, "forgetAll")
	second.call(&later, "afterForgetting")
	for _, s := range []stored{forgotten, later} {
		require.Empty(t, s.Left)
		require.Empty(t, s.Files)
		require.Empty(t, s.Databases)
	}
}
