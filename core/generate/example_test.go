package generate_test

import (
	"fmt"

	"nextquill/core/generate"
	"nextquill/core/kernels"
)

func ExampleOptions_Check() {
	o := generate.Options{
		Sampling:  kernels.SampleParams{Temperature: .8, TopP: .95, RepetitionPenalty: 1.1, Steer: .5},
		MaxTokens: 200,
	}
	fmt.Println(o.Check())
	o.Sampling.TopP = 1.5
	fmt.Println(o.Check())
	// Output:
	// <nil>
	// sampling: top_p: 1.5 (limit 0 to 1)
}

// A decoder that steers holds both prompts.
func ExampleDecodeSpec() {
	with, without := make([]int32, 300), make([]int32, 40)
	for _, dual := range []bool{false, true} {
		s := generate.DecodeSpec(with, without, 100, dual)
		fmt.Println(s.MaxPrompt, s.MaxNew, s.Dual)
	}
	// Output:
	// 300 100 false
	// 340 100 true
}
