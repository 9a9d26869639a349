package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/params"
	"nextquill/core/weights"
)

// allocate creates all tensors of the model and returns the pieces to load into them. file is nil
// if the weights are random.
func (m *Model) allocate(file *weights.File, o LoadOptions) ([]piece, error) {
	shapes := weights.LlamaTensors(m.Config)
	values, grads := map[string]*gpu.Tensor{}, map[string]*gpu.Tensor{}
	m.formats = map[kernels.Format]bool{}
	if m.full {
		entries := make([]params.Entry, len(shapes))
		for i, s := range shapes {
			entries[i] = params.Entry{Name: s.Name, Rows: s.Shape[0], Columns: 1}
			if len(s.Shape) == 2 {
				entries[i].Columns = s.Shape[1]
			}
		}
		packed, err := params.New(m.g, entries, true)
		if err != nil {
			return nil, err
		}
		m.Params = packed
		for _, e := range packed.Entries {
			values[e.Name], grads[e.Name] = e.Value, e.Grad
		}
	}
	describe := func(s weights.TensorShape) weights.Info {
		if o.Random != nil {
			return weights.Info{Name: s.Name, DType: weights.F32, Shape: s.Shape}
		}
		info, _ := file.Tensor(s.Name)
		return info
	}
	if !m.full {
		values = m.joint(func(s weights.TensorShape) kernels.Format { return formatOf(o.Base, false, describe(s)) })
	}
	var pieces []piece
	matrices := map[string]*matrix{}
	for _, s := range shapes {
		info := describe(s)
		t, allocated := values[s.Name]
		if len(s.Shape) < 2 {
			if !allocated {
				t = m.newTensor(s.Name, int64(4*s.Shape[0]))
				values[s.Name] = t
			}
			pieces = append(pieces, vectorPiece(file, info, t))
			continue
		}
		format := formatOf(o.Base, m.full, info)
		w := singlePart(s.Name, s.Shape[0], s.Shape[1], format, t)
		if !allocated {
			var err error
			if w, err = m.newMatrix(s.Name, s.Shape[0], s.Shape[1], rowAlign(info), format); err != nil {
				return nil, err
			}
		}
		matrices[s.Name] = w
		m.formats[w.format] = true
		pieces = append(pieces, w.pieces(file, info, m.g.Info().LargestTensor())...)
	}
	m.assemble(matrices, values, grads)
	table := kernels.RopeTable(m.Config.RopeFrequencies(), m.Config.MaxPositions)
	m.rope = m.newTensor("rope", int64(4*len(table)))
	b, _ := m.rope.Handle()
	m.g.WriteF32(b, 0, table)
	return pieces, m.g.Flush()
}

// newTensor creates a persistent tensor that the model owns.
func (m *Model) newTensor(name string, bytes int64) *gpu.Tensor {
	b := m.g.NewBuffer(name, bytes, gpu.Storage)
	m.buffers = append(m.buffers, b)
	return gpu.Persistent(name, b, 0, bytes)
}

// assemble builds the layers from matrices w, vectors t and gradients, all by HF name.
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
			q: lin("self_attn.q_proj"), k: lin("self_attn.k_proj"), v: lin("self_attn.v_proj"),
			o:    lin("self_attn.o_proj"),
			gate: lin("mlp.gate_proj"), up: lin("mlp.up_proj"), down: lin("mlp.down_proj"),
		}
		if cfg.QKNorm {
			q, k := norm("self_attn.q_norm"), norm("self_attn.k_norm")
			m.layers[i].qNorm, m.layers[i].kNorm = &q, &k
		}
	}
}
