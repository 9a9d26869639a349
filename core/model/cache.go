package model

import "nextquill/core/gpu"

// Cache holds the keys and values of one or two branches while text is
// generated: [slots, KV heads × head dim] per layer. The slots are the packed
// prompt's rows, with room for new tokens behind each branch.
type Cache struct {
	keys, values []*gpu.Tensor
}
