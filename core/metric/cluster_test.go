package metric_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/metric"
)

type scipyInterval struct{ Low, High, Error float64 }

// The intervals over users are those of scipy.stats.bootstrap (percentile, paired), up to the noise
// of resampling: with 200,000 resamples, an end has a standard error of 0.6 % of that of the mean.
func TestIntervalsOverUsersAgreeWithSciPy(t *testing.T) {
	raw, err := os.ReadFile("testdata/bootstrap.json")
	require.NoError(t, err)
	var golden struct {
		Resamples int
		Cases     []struct {
			Cluster          []string
			X, Y             []float64
			N                []int
			Mean, Difference scipyInterval
		}
	}
	require.NoError(t, json.Unmarshal(raw, &golden))
	require.Len(t, golden.Cases, 3)
	b := metric.Bootstrap{Resamples: golden.Resamples, Seed: 3}
	for _, c := range golden.Cases {
		x, y := make([]metric.Item, len(c.N)), make([]metric.Item, len(c.N))
		for i, n := range c.N {
			x[i], y[i] = metric.Item{Sum: c.X[i], N: n}, metric.Item{Sum: c.Y[i], N: n}
		}
		x, y = metric.Clusters(x, c.Cluster), metric.Clusters(y, c.Cluster)
		mean, err := b.Mean(x)
		require.NoError(t, err)
		require.InDelta(t, c.Mean.Low, mean.Low, .04*c.Mean.Error)
		require.InDelta(t, c.Mean.High, mean.High, .04*c.Mean.Error)
		diff, err := b.Difference(x, y)
		require.NoError(t, err)
		require.InDelta(t, c.Difference.Low, diff.Low, .04*c.Difference.Error)
		require.InDelta(t, c.Difference.High, diff.High, .04*c.Difference.Error)
	}
}

// With three units there are 27 samples. A statistic that numbers them shows that every one is
// drawn about equally often.
func TestStatisticDrawsEverySample(t *testing.T) {
	seen := map[float64]int{}
	calls := 0
	metric.Bootstrap{Resamples: 27_000, Seed: 1}.Statistic(3, func(draw []int) float64 {
		v := float64(9*draw[0] + 3*draw[1] + draw[2])
		if calls++; calls > 1 { // the first call is the estimate
			seen[v]++
		}
		return v
	})
	require.Len(t, seen, 27)
	for v, n := range seen {
		require.InDelta(t, 1000, n, 150, "sample %v", v)
	}
}

func TestStatisticWithoutAValue(t *testing.T) {
	none := metric.Bootstrap{}.Statistic(0, func([]int) float64 { return 1 })
	require.True(t, math.IsNaN(none.Point) && math.IsNaN(none.Low))
	empty := metric.Bootstrap{Resamples: 10}.Statistic(2, func([]int) float64 { return math.NaN() })
	require.True(t, math.IsNaN(empty.Low))
	// A ratio is undefined in the samples that have only the first unit.
	n := []float64{0, 2}
	part := metric.Bootstrap{}.Statistic(2, func(draw []int) float64 {
		return 6 * float64(len(draw)) / (n[draw[0]] + n[draw[1]])
	})
	require.Equal(t, 6., part.Point)
	require.Equal(t, metric.Interval{Point: 6, Low: 3, High: 6}, part)
}

func TestClustersSumTheirItems(t *testing.T) {
	items := []metric.Item{{Sum: 1, N: 2}, {Sum: 3, N: 4}, {Sum: 5, N: 6}}
	require.Equal(t, []metric.Item{{Sum: 6, N: 8}, {Sum: 3, N: 4}}, metric.Clusters(items, []string{"b", "a", "b"}))
	require.Empty(t, metric.Clusters(nil, nil))
}
