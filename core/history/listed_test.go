package history

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func TestListed(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }
	items := []Item{{ID: "a", Time: day(1)}, {ID: "b", Time: day(2)}, {ID: "c", Time: day(3)}, {ID: "d", Time: day(4)}}
	l, err := ReadListed("lists.json", []byte(`{"c": ["b", "d", "a", "b"], "d": []}`))
	require.NoError(t, err)
	require.NoError(t, l.Check("lists.json", items))
	require.Equal(t, []int{1, 0}, l.Select(items, 2, 5), "best first, without later items and copies")
	require.Equal(t, []int{1}, l.Select(items, 2, 1))
	require.Empty(t, l.Select(items, 3, 5))
	require.Empty(t, l.Select(items, 1, 5), "a query without a list")
	require.ErrorIs(t, l.Check("lists.json", items[:3]), fault.Missing)
}

func TestListedRefuses(t *testing.T) {
	for text, kind := range map[string]fault.Kind{
		``:                   fault.Malformed,
		`[]`:                 fault.Malformed,
		`{"a": "b"}`:         fault.Malformed,
		`{"a": [1]}`:         fault.Malformed,
		`{"a": []} x`:        fault.Malformed,
		`{"a": [], "a": []}`: fault.Malformed,
		`{"a": [` + strings.Repeat(`"b",`, maxListed) + `"b"]}`: fault.TooLarge,
	} {
		_, err := ReadListed("lists.json", []byte(text))
		require.ErrorIs(t, err, kind, "%.40s", text)
	}
}
