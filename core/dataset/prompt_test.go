package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/history"
)

// countingLayout counts how often the empty prompt is laid out.
type countingLayout struct {
	layout
	empty int
}

func (l *countingLayout) prompts(s history.Segments) (with, without []int32, err error) {
	if s == (history.Segments{}) {
		l.empty++
	}
	return l.layout.prompts(s)
}

// TestFixedTokensAreCountedOnce compares the samples of one data set with those of data sets that
// encode one sample each.
func TestFixedTokensAreCountedOnce(t *testing.T) {
	for family := range chatFamilies {
		d := openChat(t, family)
		l := &countingLayout{layout: d.layout}
		d.layout = l
		for i := range d.Items {
			got, err := d.Sample(i, false)
			require.NoError(t, err)
			want, err := openChat(t, family).Sample(i, false)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %d", family, i)
		}
		require.Equal(t, 1, l.empty)
	}
}
