package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRowsTimes(t *testing.T) {
	d := Dyn{Tokens: 11, Responses: 5, Rows: 7}.Replay()
	require.Equal(t, 11*32, PerToken.Times(32).Count(d))
	require.Equal(t, 5*3, PerResponse.Times(3).Count(d))
	require.Equal(t, 7*maxTimes, PerHeadRow.Times(maxTimes).Count(d))
	require.Equal(t, FixedRows(2*14), FixedRows(2).Times(14))
	require.Equal(t, PerHeadRow, PerHeadRow.Times(1))
	require.False(t, PerToken.Times(8).fixed())
	require.True(t, FixedRows(0).fixed())
	require.Panics(t, func() { PerToken.Times(0) })
	require.Panics(t, func() { PerToken.Times(2).Times(2) })
}
