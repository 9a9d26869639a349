package sorted

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBy(t *testing.T) {
	type item struct {
		key  int
		name string
	}
	items := []item{{3, "a"}, {1, "b"}, {3, "c"}, {1, "d"}, {2, "e"}}
	By(items, func(a, b *item) int { return cmp.Compare(a.key, b.key) })
	require.Equal(t, []item{{1, "b"}, {1, "d"}, {2, "e"}, {3, "a"}, {3, "c"}}, items)
	By([]item(nil), func(a, b *item) int { return 0 })
}
