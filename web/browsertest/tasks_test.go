package browsertest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

const busyFor400ms = `for (const end = performance.now() + 400; performance.now() < end;);`

// TestMainThread traces tasks of a known duration.
func TestMainThread(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	b, err := browsertest.Open(t.Context(), server.URL)
	require.NoError(t, err)
	defer b.Close()
	stop, err := b.TraceMainThread(t.Context())
	require.NoError(t, err)
	// Four tasks: on a busy machine the trace may start after the first.
	for range 4 {
		_, err = b.Evaluate(t.Context(), `new Promise((done) => setTimeout(() => { `+busyFor400ms+` done() }))`)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tasks, err := stop(ctx)
	require.NoError(t, err)
	longest, _ := tasks.Longest()
	t.Logf("%d tasks, queued for %v; longest: %v", len(tasks.All), tasks.Queued, longest)
	require.GreaterOrEqual(t, longest.Wall, 400*time.Millisecond)
	require.LessOrEqual(t, longest.CPU, longest.Wall+5*time.Millisecond)
	require.Contains(t, tasks.Blocking(10*time.Millisecond), longest, "a task that uses the CPU is blocking")
}

func TestTasksBlocking(t *testing.T) {
	const ms = time.Millisecond
	quick := browsertest.Task{Wall: 49 * ms, CPU: 49 * ms}
	works := browsertest.Task{Wall: 90 * ms, CPU: 60 * ms}
	late := browsertest.Task{Wall: 90 * ms, CPU: 10 * ms}
	for _, c := range []struct {
		queued time.Duration
		over   []browsertest.Task
	}{
		{0, []browsertest.Task{works, late}},
		{79 * ms, []browsertest.Task{works, late}},
		{80 * ms, []browsertest.Task{works}},
	} {
		tasks := browsertest.Tasks{All: []browsertest.Task{quick, works, late}, Queued: c.queued}
		require.Equal(t, c.over, tasks.Blocking(50*ms))
	}
	require.Empty(t, browsertest.Tasks{All: []browsertest.Task{quick}}.Blocking(50*ms))
}
