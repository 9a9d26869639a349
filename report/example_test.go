package report_test

import (
	"fmt"
	"os"

	"nextquill/core/metric"
	"nextquill/report"
)

func ExampleTerminal_Heldout() {
	base := metric.Interval{Point: 4.7, Low: 4.6, High: 4.8}
	tuned := metric.Interval{Point: 4.2, Low: 4.1, High: 4.3}
	difference := metric.Interval{Point: -0.5, Low: -0.6, High: -0.4}
	report.Terminal{Out: os.Stdout, Width: 90, Colour: report.Plain}.Heldout(report.Heldout{
		Texts: 60,
		Rows: []report.Row{
			{Name: "Base", Tokens: 2412, Loss: base},
			{Name: "NextQuill", Tokens: 2412, Loss: tuned, Against: &difference},
		},
		Baseline: 0, Ours: 1,
	})
	// Output:
	// Held-out loss in nats per token, 60 texts (lower is better)
	//
	//              tokens   loss  95 % interval  difference     95 % interval
	//   Base        2,412  4.700    4.600–4.800
	//   NextQuill   2,412  4.200    4.100–4.300      −0.500  −0.600 to −0.400
	//
	//   On 60 unseen texts (2,412 tokens), the loss of NextQuill is 4.200 nats per token and the
	//   loss of Base is 4.700: a difference of −0.500 (95 % interval −0.600 to −0.400). The
	//   probability of the writer's tokens is 1.65 times as high (geometric mean).
}

// Level 2 starts at 0.05, the δ of the presets. Negative levels: the history makes the token less
// likely.
func ExampleLevel() {
	fmt.Println(report.Level(.004), report.Level(.06), report.Level(-.5))
	// Output: 0 2 -4
}
