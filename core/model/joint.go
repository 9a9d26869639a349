package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// joints are tensors of a layer that share a buffer, so that one dispatch can read all of them:
// WebGPU guarantees eight storage buffers per dispatch.
var joints = [][]string{
	{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
	{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
	{"self_attn.q_norm.weight", "self_attn.k_norm.weight"},
	{"mlp.gate_proj.weight", "mlp.up_proj.weight"},
}

// joint allocates the tensors of a frozen model that share a buffer. Those in different formats, or
// together too large for a binding, are left out.
func (m *Model) joint(format func(weights.TensorShape) kernels.Format) map[string]*gpu.Tensor {
	formats, sizes := map[string]kernels.Format{}, map[string]int64{}
	for _, s := range weights.LlamaTensors(m.Config) {
		sizes[s.Name] = int64(4 * s.Shape[0])
		if len(s.Shape) == 2 {
			f := format(s)
			formats[s.Name], sizes[s.Name] = f, int64(s.Shape[0]*f.RowBytes(s.Shape[1]))
		}
	}
	out := map[string]*gpu.Tensor{}
	for i := range m.Config.Layers {
		for _, parts := range joints {
			first := weights.LayerPath(i, parts[0])
			var bytes int64
			same := sizes[first] > 0
			for _, part := range parts {
				name := weights.LayerPath(i, part)
				same = same && formats[name] == formats[first]
				bytes += gpu.Align(sizes[name])
			}
			if !same || bytes > m.g.Info().LargestTensor() {
				continue
			}
			whole := m.newTensor(first+" and others", bytes)
			var at int64
			for _, part := range parts {
				name := weights.LayerPath(i, part)
				out[name] = whole.Slice(at, sizes[name])
				at += gpu.Align(sizes[name])
			}
		}
	}
	return out
}

// span is the range of one buffer that holds all of tensors, in order, and their first bytes in it.
// It is nil if they are in different buffers, not in order, or too far apart for a binding of limit
// bytes.
func span(limit int64, tensors ...*gpu.Tensor) (whole *gpu.Tensor, starts []int) {
	buffer, first := tensors[0].Handle()
	end := first
	for _, t := range tensors {
		b, off := t.Handle()
		if b != buffer || off < end {
			return nil, nil
		}
		starts = append(starts, int(off-first))
		end = off + t.Bytes
	}
	if end-first > limit {
		return nil, nil
	}
	return gpu.Persistent(tensors[0].Name, buffer, first, end-first), starts
}
