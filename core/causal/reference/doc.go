// Package reference computes one step of the objective in plain Go: the forward and backward passes
// of a Llama (or Mistral, Qwen2, Qwen3) in float64, written out by hand, one branch at a time, with
// full logits in memory.
//
// Read it first to understand the objective. The kernels do the same arithmetic in one packed,
// tiled pass on the GPU. Where the two differ beyond rounding, the kernels are wrong: the tests
// compare this package with PyTorch's autograd. It needs no device.
//
// Reading order:
//
//	objective.go  branches, DCE, token weights, L_n, L_p, their gradients with respect to logits
//	model.go      the decoder, forward and backward
//	layers.go     linear with bias and LoRA, RMSNorm, rotary positions, attention, SwiGLU
//	config.go     the config fields and the tensor shapes that follow from them
//
// Conventions: x[t] is the row of token t; a weight is row-major [out, in]; a gradient dx has the
// shape of x and means ∂L/∂x. Tensors carry the names of the HF checkpoint, adapters those of PEFT.
package reference
