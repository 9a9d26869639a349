package metric_test

import (
	"fmt"

	"nextquill/core/metric"
)

// A model lowers the held-out loss of every text a little. The texts differ more from each other
// than the two models do, but the paired interval excludes 0.
func ExampleBootstrap_Difference() {
	before := []metric.Item{{Sum: 42, N: 10}, {Sum: 63, N: 21}, {Sum: 18, N: 9}, {Sum: 88, N: 16}}
	after := []metric.Item{{Sum: 40, N: 10}, {Sum: 60, N: 21}, {Sum: 17, N: 9}, {Sum: 85, N: 16}}
	d, err := metric.Bootstrap{Seed: 1}.Difference(after, before)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.3f nats per token, 95 %% interval %.3f to %.3f\n", d.Point, d.Low, d.High)
	fmt.Println("excludes 0:", d.Excludes(0))
	// Output:
	// -0.161 nats per token, 95 % interval -0.192 to -0.133
	// excludes 0: true
}

func ExamplePerToken() {
	fmt.Println(metric.PerToken([]metric.Item{{Sum: 1, N: 1}, {Sum: 9, N: 3}}))
	// Output: 2.5
}
