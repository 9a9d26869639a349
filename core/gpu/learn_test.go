package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The costs of short dispatches do not take over the time of long ones that run beside them.
func TestCostsOfShortDispatchesStaySmall(t *testing.T) {
	p := newPacer(&Dry{})
	const longTime, shortTime = 4e-3, 15e-6 // seconds
	long, short := p.cost(1), p.cost(2)
	*long = cost{perFlop: longTime / 1e9, timed: true}
	*short = cost{perFlop: (shortTime - dispatchSpan.Seconds()) / 1e4, timed: true}
	for range 500 {
		for range 10 {
			p.add(long, 1e9, p.seconds(long, 1e9))
		}
		for range 100 {
			p.add(short, 1e4, p.seconds(short, 1e4))
		}
		const took = 10*longTime + 100*shortTime
		p.learn([]submitted{p.open}, took, took)
		p.open = submitted{}
	}
	require.InEpsilon(t, longTime, p.seconds(long, 1e9), .1)
	require.Less(t, p.seconds(short, 1e4), 10*shortTime)
}
