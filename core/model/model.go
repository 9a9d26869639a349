// Package model is a decoder of the Llama family (Llama, Mistral, Qwen2, Qwen3) on
// the device: its weights, its forward and backward passes over packed branches,
// and its LoRA adapters.
//
// LoRA is a reparameterisation: the passes ask a linear layer for its product,
// and whether the layer carries an adapter is the layer's business.
package model

import (
	"context"
	"fmt"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// Model is a decoder whose weights are on the device.
type Model struct {
	Config weights.Config
	// Params are the tensors that train: none, LoRA factors, or all weights.
	Params *Params

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
	adapter  *Adapter                // in use, or nil
	adapters []*Adapter              // on the device

	embedGrad, headGrad *gpu.Tensor
}

// layer is one decoder block.
type layer struct {
	norm1, norm2   gain
	qNorm, kNorm   *gain // on each head, Qwen3; nil elsewhere
	q, k, v, o     *linear
	gate, up, down *linear
}

// gain is an RMSNorm's weight [features].
type gain struct {
	w    *gpu.Tensor
	grad *gpu.Tensor // nil when frozen
}

// linear is a linear layer, weight [out, in], with or without a bias [out] and a
// LoRA pair.
type linear struct {
	path     string // module path, such as model.layers.0.self_attn.q_proj
	in, out  int
	w        *matrix
	grad     *gpu.Tensor // nil when frozen
	bias     *gpu.Tensor // nil without
	biasGrad *gpu.Tensor // nil without, or when frozen
	lora     *loraPair
}

func (l *layer) linears() []*linear {
	return []*linear{l.q, l.k, l.v, l.o, l.gate, l.up, l.down}
}

// LoadOptions say what is made of a model's files.
type LoadOptions struct {
	// Full makes all weights train; else none does until an adapter is attached.
	Full bool
	// Base says how the matrices of a frozen model stay on the device: one of
	// BaseNames, or empty for BaseAuto.
	Base string
	// Positions raises the longest sequence past what the model was made for,
	// for measurements of speed; 0 leaves it.
	Positions int
}

// Load reads a model of store onto the device: path is an HF folder, a folder
// with a GGUF file, or a GGUF file.
func Load(ctx context.Context, g *gpu.Context, tune *kernels.Tune, store blob.Store, path string, o LoadOptions) (*Model, error) {
	m, pieces, err := prepare(ctx, g, tune, store, path, o)
	if err != nil {
		return nil, err
	}
	if err := m.upload(ctx, pieces); err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// prepare is Load up to what is to be loaded.
func prepare(ctx context.Context, g *gpu.Context, tune *kernels.Tune, store blob.Store, path string, o LoadOptions) (*Model, []piece, error) {
	if err := CheckBase(o.Base, o.Full); err != nil {
		return nil, nil, err
	}
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return nil, nil, err
	}
	cfg := source.Config
	if err := supported(cfg, source.Where); err != nil {
		return nil, nil, err
	}
	cfg.MaxPositions = max(cfg.MaxPositions, o.Positions)
	m := &Model{Config: cfg, g: g, tune: tune, full: o.Full}
	pieces, err := m.allocate(source.File, o)
	if err != nil {
		m.Free()
	}
	return m, pieces, err
}

// maxHeadDim is what the attention kernels keep of one query in registers.
const maxHeadDim = 128

// supported refuses shapes that the kernels do not handle.
func supported(c weights.Config, where string) error {
	for _, f := range []struct {
		name string
		v    int
	}{{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize}, {"head_dim", c.HeadDim}} {
		if f.v%4 != 0 {
			return fault.New(fault.Unsupported, where, f.name, "%d", f.v).WithLimit("multiples of 4").
				WithRemedy("the kernels read four values at a time; use a model with other sizes")
		}
	}
	if c.HeadDim > maxHeadDim {
		return fault.New(fault.Unsupported, where, "head_dim", "%d", c.HeadDim).WithLimit("%d", maxHeadDim)
	}
	return nil
}

// allocate makes all tensors of the model, and says what is to be loaded into them.
func (m *Model) allocate(file *weights.File, o LoadOptions) ([]piece, error) {
	shapes := weights.LlamaTensors(m.Config)
	values, grads := map[string]*gpu.Tensor{}, map[string]*gpu.Tensor{}
	m.formats = map[kernels.Format]bool{}
	if m.full {
		entries := make([]Param, len(shapes))
		for i, s := range shapes {
			entries[i] = Param{Name: s.Name, Rows: s.Shape[0], Columns: 1}
			if len(s.Shape) == 2 {
				entries[i].Columns = s.Shape[1]
			}
		}
		params, err := newParams(m.g, entries)
		if err != nil {
			return nil, err
		}
		m.Params = params
		for _, e := range params.Entries {
			values[e.Name], grads[e.Name] = e.Value, e.Grad
		}
	}
	var pieces []piece
	matrices := map[string]*matrix{}
	for _, s := range shapes {
		info, _ := file.Tensor(s.Name)
		t, trains := values[s.Name]
		if len(s.Shape) < 2 {
			if !trains {
				t = m.newTensor(s.Name, int64(4*s.Shape[0]))
				values[s.Name] = t
			}
			pieces = append(pieces, vectorPiece(file, info, t))
			continue
		}
		w := whole(s.Name, s.Shape[0], s.Shape[1], t)
		if !trains {
			var err error
			if w, err = m.newMatrix(s.Name, s.Shape[0], s.Shape[1], rowAlign(info), formatOf(o.Base, m.full, info)); err != nil {
				return nil, err
			}
		}
		matrices[s.Name] = w
		m.formats[w.format] = true
		pieces = append(pieces, w.pieces(file, info, bindingLimit(m.g.Info()))...)
	}
	m.assemble(matrices, values, grads)
	table := kernels.RopeTable(m.Config.RopeFrequencies(), m.Config.MaxPositions)
	m.rope = m.newTensor("rope", int64(4*len(table)))
	b, _ := m.rope.Handle()
	m.g.WriteF32(b, 0, table)
	return pieces, m.g.Flush()
}

// newTensor makes a persistent tensor that the model owns.
func (m *Model) newTensor(name string, bytes int64) *gpu.Tensor {
	b := m.g.NewBuffer(name, bytes, gpu.Storage)
	m.buffers = append(m.buffers, b)
	return gpu.Persistent(name, b, 0, bytes)
}

// assemble wires the tensors into layers.
func (m *Model) assemble(w map[string]*matrix, t, grads map[string]*gpu.Tensor) {
	cfg := m.Config
	m.embed, m.embedGrad = w[weights.EmbedName], grads[weights.EmbedName]
	m.norm = gain{t[weights.NormName], grads[weights.NormName]}
	m.head, m.headGrad = w[weights.HeadName], grads[weights.HeadName]
	if cfg.TieEmbeddings {
		m.head, m.headGrad = m.embed, m.embedGrad
	}
	m.layers = make([]layer, cfg.Layers)
	for i := range m.layers {
		lin := func(part string) *linear {
			path := weights.LayerPath(i, part)
			out, in, _ := cfg.LinearShape(part)
			return &linear{
				path: path, in: in, out: out, w: w[path+".weight"], grad: grads[path+".weight"],
				bias: t[path+".bias"], biasGrad: grads[path+".bias"],
			}
		}
		norm := func(part string) gain {
			name := weights.LayerPath(i, part) + ".weight"
			return gain{t[name], grads[name]}
		}
		m.layers[i] = layer{
			norm1: norm("input_layernorm"), norm2: norm("post_attention_layernorm"),
			q: lin("self_attn.q_proj"), k: lin("self_attn.k_proj"), v: lin("self_attn.v_proj"), o: lin("self_attn.o_proj"),
			gate: lin("mlp.gate_proj"), up: lin("mlp.up_proj"), down: lin("mlp.down_proj"),
		}
		if cfg.QKNorm {
			q, k := norm("self_attn.q_norm"), norm("self_attn.k_norm")
			m.layers[i].qNorm, m.layers[i].kNorm = &q, &k
		}
	}
}

// Full tells whether all weights train.
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

// String names the model's size, for logs.
func (m *Model) String() string {
	c := m.Config
	return fmt.Sprintf("%d layers × %d, %d heads (%d KV) of %d, vocabulary %d", c.Layers, c.HiddenSize, c.Heads, c.KVHeads, c.HeadDim, c.VocabSize)
}
