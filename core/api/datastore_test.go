package api

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/datastore"
)

// TestDatastoreRanges: a request and a file have the same limits.
func TestDatastoreRanges(t *testing.T) {
	for name, want := range map[string][2]float64{
		"Share":     {0, datastore.MaxShare},
		"Sharpness": {datastore.MinSharpness, datastore.MaxSharpness},
		"Boost":     {datastore.MinBoost, datastore.MaxBoost},
	} {
		f, ok := reflect.TypeFor[Datastore]().FieldByName(name)
		require.True(t, ok)
		r, ok := RangeOf(f)
		require.True(t, ok)
		require.Equal(t, want, [2]float64{r.Min, r.Max}, name)
	}
}
