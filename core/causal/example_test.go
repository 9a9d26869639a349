package causal_test

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"nextquill/core/causal"
	"nextquill/core/fault"
)

// A token's weight follows from its log-probabilities with and without history.
func ExampleOptions_Omega() {
	o, err := causal.Preset("nextquill")
	if err != nil {
		panic(err)
	}
	for _, token := range []struct {
		text          string
		with, without float64 // probabilities under θ_D
	}{{"cheers", .40, .10}, {"the", .62, .60}} {
		with, without := math.Log(token.with), math.Log(token.without)
		fmt.Printf("%-6s DCE %.2f ω %.1f\n", token.text, causal.DCE(with, without), o.Omega(with, without))
	}
	// Output:
	// cheers DCE 0.30 ω 0.9
	// the    DCE 0.02 ω 0.1
}

func ExamplePreset() {
	paper, _ := causal.Preset("nextquill")
	code, _ := causal.Preset("nextquill-code")
	fmt.Printf("paper: Z %s, frozen θ_D %t\n", paper.NormalizeNTP, paper.Frozen())
	fmt.Printf("code:  Z %s, frozen θ_D %t\n", code.NormalizeNTP, code.Frozen())

	_, err := causal.Preset("nextquil")
	fmt.Println(errors.Is(err, fault.Unsupported))
	// Output:
	// paper: Z samples, frozen θ_D true
	// code:  Z weights, frozen θ_D false
	// true
}

func ExamplePresets() {
	fmt.Println(strings.Join(causal.Presets(), " "))
	// Output: contextsft dce mce mce-dce nextquill nextquill-code quill sft
}

// Both branches share the tokens before the history, so a pack is shorter than two prompts.
func ExamplePack() {
	s := causal.Sample{
		With:     []int32{1, 2, 3, 4, 5},
		Without:  []int32{1, 2, 9},
		Response: []int32{7, 0},
	}
	p := causal.Pack([]causal.Sample{s}, 0, true)
	fmt.Println("ids      ", p.IDs)
	fmt.Println("positions", p.Positions)
	fmt.Println("targets  ", p.Targets)
	// Output:
	// ids       [1 2 3 4 5 7 9 7]
	// positions [0 1 2 3 4 5 2 3]
	// targets   [7 0]
}
