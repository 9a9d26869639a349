package model

import (
	"context"

	"nextquill/core/weights"
)

// Gradients reads all gradients as named tensors: with PEFT keys for an adapter, with HF names when
// all weights train.
func (m *Model) Gradients(ctx context.Context) ([]weights.Tensor, error) {
	values, err := m.Params.ReadGrads(ctx)
	if err != nil {
		return nil, err
	}
	var out []weights.Tensor
	if !m.full {
		a := m.AdapterFrom(values)
		for i, path := range m.adapter.paths {
			p := a.Pairs[path]
			out = append(out,
				weights.Tensor{Name: m.Params.Entries[2*i].Name, Shape: []int{p.Rank(), p.In}, Data: p.A},
				weights.Tensor{Name: m.Params.Entries[2*i+1].Name, Shape: []int{p.Out, p.Rank()}, Data: p.B})
		}
		return out, nil
	}
	return m.Params.Named(values), nil
}

// Weights reads all weights as named tensors. The model must have been loaded with Full.
func (m *Model) Weights(ctx context.Context) ([]weights.Tensor, error) {
	values, err := m.Params.ReadValues(ctx)
	if err != nil {
		return nil, err
	}
	return m.Params.Named(values), nil
}
