// Package reference computes one step of the objective the slow and obvious way: the forward and backward pass of a
// Llama (or Mistral, Qwen2, Qwen3) in float64, written out by hand, one branch at a time, with the full logits in memory.
//
// It is the text to read first. The kernels do the same arithmetic in one packed, tiled pass on the GPU; where the two
// differ beyond rounding, this one is right: its tests hold it to PyTorch's autograd. It depends on no device.
//
// Reading order:
//
//	objective.go  branches, DCE, token weights, L_n, L_p, and their gradients with respect to the logits
//	model.go      the decoder, forward and backward
//	layers.go     its parts: linear with bias and LoRA, RMSNorm, rotary positions, attention, SwiGLU
//
// Conventions: x[t] is the row of token t; a weight is row-major [out, in]; a gradient dx has the shape of x and means
// ∂L/∂x. Tensors carry the names of the HF checkpoint, adapters those of PEFT.
package reference
