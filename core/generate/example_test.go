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
	fmt.Printf("%+v\n", *generate.DecodeSpec(with, without, 100, false))
	fmt.Printf("%+v\n", *generate.DecodeSpec(with, without, 100, true))
	// Output:
	// {MaxPrompt:300 MaxNew:100 Dual:false}
	// {MaxPrompt:340 MaxNew:100 Dual:true}
}
