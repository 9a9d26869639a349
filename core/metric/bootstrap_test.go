package metric_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/metric"
)

func TestPerTokenWeighsByTokens(t *testing.T) {
	require.Equal(t, 2.5, metric.PerToken([]metric.Item{{Sum: 1, N: 1}, {Sum: 9, N: 3}}))
	require.Zero(t, metric.PerToken(nil))
}

// gaussian draws texts of one token with a known mean and standard deviation.
func gaussian(seed uint64, n int, mean, sd float64) []metric.Item {
	rng := rand.New(rand.NewPCG(seed, 1))
	items := make([]metric.Item, n)
	for i := range items {
		items[i] = metric.Item{Sum: mean + sd*rng.NormFloat64(), N: 1}
	}
	return items
}

// For a mean of n independent values the bootstrap must agree with the normal interval, ±1.96·s/√n.
func TestIntervalAgreesWithTheNormalOne(t *testing.T) {
	items := gaussian(7, 400, 4, 1)
	got, err := metric.Bootstrap{Seed: 1}.Mean(items)
	require.NoError(t, err)
	var ss float64
	for _, it := range items {
		ss += (it.Sum - got.Point) * (it.Sum - got.Point)
	}
	half := 1.96 * math.Sqrt(ss/400) / math.Sqrt(400)
	require.InDelta(t, got.Point-half, got.Low, .006)
	require.InDelta(t, got.Point+half, got.High, .006)
}

func TestSameSeedSameInterval(t *testing.T) {
	items := gaussian(3, 50, 4, 1)
	a, err := metric.Bootstrap{Seed: 5}.Mean(items)
	require.NoError(t, err)
	b, err := metric.Bootstrap{Seed: 5}.Mean(items)
	require.NoError(t, err)
	require.Equal(t, a, b)
	c, err := metric.Bootstrap{Seed: 6}.Mean(items)
	require.NoError(t, err)
	require.Equal(t, a.Point, c.Point)
	require.NotEqual(t, a.Low, c.Low)
}

// Pairing detects a small constant gain that the variance between texts would hide.
func TestPairingDetectsAConstantGain(t *testing.T) {
	base := gaussian(11, 60, 4, 1)
	better := make([]metric.Item, len(base))
	for i, it := range base {
		better[i] = metric.Item{Sum: it.Sum - .05, N: it.N}
	}
	diff, err := metric.Bootstrap{}.Difference(better, base)
	require.NoError(t, err)
	require.InDelta(t, -.05, diff.Point, 1e-9)
	require.InDelta(t, -.05, diff.Low, 1e-9)
	require.True(t, diff.Excludes(0))
	alone, err := metric.Bootstrap{}.Mean(better)
	require.NoError(t, err)
	require.False(t, alone.Excludes(metric.PerToken(base)))
}

func TestRefusals(t *testing.T) {
	_, err := metric.Bootstrap{}.Mean(nil)
	require.ErrorIs(t, err, fault.Missing)
	_, err = metric.Bootstrap{}.Difference([]metric.Item{{Sum: 1, N: 1}}, nil)
	require.ErrorIs(t, err, fault.Mismatch)
	_, err = metric.Bootstrap{}.Difference([]metric.Item{{Sum: 1, N: 1}}, []metric.Item{{Sum: 1, N: 2}})
	require.ErrorIs(t, err, fault.Mismatch)
}

func TestOneItemHasAPointInterval(t *testing.T) {
	got, err := metric.Bootstrap{}.Mean([]metric.Item{{Sum: 6, N: 2}})
	require.NoError(t, err)
	require.Equal(t, metric.Interval{Point: 3, Low: 3, High: 3}, got)
}
