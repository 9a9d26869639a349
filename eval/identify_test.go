package eval

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCandidates changes the number of candidates: figures come from identifications among the
// present ones only, and earlier ones are kept.
func TestCandidates(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "results.jsonl")
	run := func(candidates int) (found []*Identify, identified int) {
		r := f.runner(path, testUsers(4, 3), false, "contextsft")
		r.Identify = candidates
		r.On = func(e Event) {
			if e.Kind == "end" && e.Summary != "" && e.Label[:14] == "contextsft: au" {
				identified++
			}
		}
		require.NoError(t, r.Run(t.Context()))
		for _, u := range r.Users {
			found = append(found, r.authors(ID{"contextsft", "personal", "", u.ID}))
		}
		return found, identified
	}
	sizes := func(all []*Identify) (n []int) {
		for _, a := range all {
			if a == nil {
				n = append(n, 0)
				continue
			}
			n = append(n, len(a.Candidates))
		}
		return n
	}
	for _, c := range []struct {
		candidates, identified int
		sizes                  []int
	}{
		{3, 3, []int{3, 3, 3, 0}}, {2, 2, []int{2, 2, 0, 0}}, {0, 0, []int{0, 0, 0, 0}}, {4, 4, []int{4, 4, 4, 4}},
		{3, 0, []int{3, 3, 3, 0}},
	} {
		found, identified := run(c.candidates)
		require.Equal(t, c.identified, identified, c)
		require.Equal(t, c.sizes, sizes(found), c)
	}
}
