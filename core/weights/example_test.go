package weights_test

import (
	"context"
	"fmt"

	"nextquill/core/blob"
	"nextquill/core/weights"
)

// A safetensors file is written to a store, and a tensor is read back by name.
func ExampleWrite() {
	ctx, store := context.Background(), &blob.Mem{}
	tensors := []weights.Tensor{
		{Name: "bias", Shape: []int{2}, Data: []float32{0.5, -1}},
		{Name: "weight", Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}},
	}
	if err := weights.Write(ctx, store, "model.safetensors", tensors, nil); err != nil {
		fmt.Println(err)
		return
	}
	file, err := weights.Open(ctx, store, "model.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range file.Tensors() {
		fmt.Println(t.Name, t.DType, t.Shape)
	}
	values, err := file.ReadF32(ctx, "weight")
	fmt.Println(values, err)
	// Output:
	// bias F32 [2]
	// weight F32 [2 3]
	// [1 2 3 4 5 6] <nil>
}

// An adapter is written in PEFT's format and read back with its provenance.
func ExampleWriteAdapter() {
	ctx, store := context.Background(), &blob.Mem{}
	adapter := &weights.Adapter{
		Rank: 1, Alpha: 2, Targets: []string{"q_proj"},
		Provenance: weights.Provenance{Template: "plain", Base: "q8"},
		Pairs: map[string]weights.Pair{
			"model.layers.0.self_attn.q_proj": {A: []float32{1, 0}, B: []float32{0, 3}, In: 2, Out: 2},
		},
	}
	if err := weights.WriteAdapter(ctx, store, "adapter", adapter); err != nil {
		fmt.Println(err)
		return
	}
	read, err := weights.ReadAdapter(ctx, store, "adapter")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range read.Paths() {
		fmt.Println(path, "rank", read.RankOf(path), "scaling", read.Scaling(path), "norm", read.UpdateNorm(path))
	}
	fmt.Println(read.Provenance)
	// Output:
	// model.layers.0.self_attn.q_proj rank 1 scaling 2 norm 6
	// {plain q8}
}
