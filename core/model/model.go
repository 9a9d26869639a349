// Package model runs decoders of the Llama family (Llama, Mistral, Qwen2, Qwen3) on the device:
// their weights, forward and backward passes over packed branches, text generation with a KV cache,
// and LoRA adapters.
//
//	Model    the weights and the adapters on the device
//	Step     one compiled forward (and backward) pass over a micro-batch
//	Decoder  generates tokens with a KV cache
//	Estimate the device memory of all this, before anything is loaded
//
// LoRA is a reparameterization of linear layers: the passes ask a layer for its product, and only
// the layer knows whether it has an adapter.
package model

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/params"
	"nextquill/core/weights"
)

// Model is a decoder whose weights are on the device.
type Model struct {
	Config weights.Config
	// Fingerprint is that of weights.File, of the file that the model was loaded from; "" without
	// a file.
	Fingerprint string
	// Params are the tensors that train: LoRA factors or all weights; nil when nothing trains.
	Params *params.Packed

	g        *gpu.Context
	tune     *kernels.Tune
	buffers  []gpu.Buffer
	rope     *gpu.Tensor
	embed    *matrix
	layers   []layer
	norm     gain
	head     *matrix
	full     bool
	formats  map[kernels.Format]bool // of the matrices
	adapter  *Adapter                // the active one, or nil
	adapters []*Adapter              // all on the device

	embedGrad, headGrad *gpu.Tensor
}

// layer is one decoder block.
type layer struct {
	norm1, norm2   gain
	qNorm, kNorm   *gain // on each head; nil except in Qwen3
	q, k, v, o     *linear
	gate, up, down *linear
}

// gain is an RMSNorm's weight [features].
type gain struct {
	w    *gpu.Tensor
	grad *gpu.Tensor // nil when frozen
}

// linear is a linear layer with weight [out, in], and optionally a bias [out] and a LoRA pair.
type linear struct {
	path     string // module path, such as model.layers.0.self_attn.q_proj
	in, out  int
	w        *matrix
	grad     *gpu.Tensor // nil when frozen
	bias     *gpu.Tensor // nil without a bias
	biasGrad *gpu.Tensor // nil without a bias, or when frozen
	lora     *loraPair
}

func (l *layer) linears() []*linear {
	return []*linear{l.q, l.k, l.v, l.o, l.gate, l.up, l.down}
}

// Full reports whether all weights train.
func (m *Model) Full() bool { return m.full }

// Free destroys everything the model has on the device.
func (m *Model) Free() {
	for _, a := range m.adapters {
		a.params.Free()
	}
	m.adapter, m.adapters = nil, nil
	if m.full && m.Params != nil {
		m.Params.Free()
	}
	m.Params = nil
	for _, b := range m.buffers {
		m.g.Free(b)
	}
	m.buffers = nil
}

// String describes the model's size, for logs.
func (m *Model) String() string {
	c := m.Config
	return fmt.Sprintf("%d layers × %d, %d heads (%d KV) of %d, vocabulary %d",
		c.Layers, c.HiddenSize, c.Heads, c.KVHeads, c.HeadDim, c.VocabSize)
}
