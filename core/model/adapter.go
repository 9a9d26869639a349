package model

import (
	"context"
	"slices"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/params"
	"nextquill/core/weights"
)

// Adapter is a LoRA adapter on the device, for one model. A model holds any number of them and uses
// at most one at a time: see Use.
type Adapter struct {
	shape  weights.Adapter // rank, alpha and targets, without pairs
	paths  []string        // entries 2i and 2i+1 of params are A and B of paths[i]
	pairs  []*loraPair
	params *params.Packed
	trains bool
}

// AddAdapter puts a PEFT adapter on the device, in addition to those already there. A frozen one
// needs a quarter of the memory: it has no gradients and no moments.
func (m *Model) AddAdapter(a *weights.Adapter, trains bool) (*Adapter, error) {
	if err := weights.CheckAdapter(m.Config, a); err != nil {
		return nil, err
	}
	chosen := m.linearsWhere(func(l *linear) bool { _, ok := a.Pairs[l.path]; return ok })
	out, err := m.newAdapter(a.Shape(), chosen, trains)
	if err != nil {
		return nil, err
	}
	for i, l := range chosen {
		pair, rank, padded := a.Pairs[l.path], a.RankOf(l.path), out.pairs[i].rank
		av := make([]float32, padded*l.in)
		copy(av, pair.A)
		bv := make([]float32, l.out*padded)
		for r := range l.out {
			copy(bv[r*padded:], pair.B[r*rank:(r+1)*rank])
		}
		out.params.Set(2*i, av)
		out.params.Set(2*i+1, bv)
	}
	return out, m.g.Flush()
}

// newAdapter creates an adapter of zeros for the chosen layers.
func (m *Model) newAdapter(shape weights.Adapter, chosen []*linear, trains bool) (*Adapter, error) {
	if m.full && trains {
		return nil, fault.New(fault.Unsupported, "adapter", "", "all weights of the model train").
			WithRemedy("load the model without full fine-tuning")
	}
	var entries []params.Entry
	a := &Adapter{shape: shape, trains: trains}
	for _, l := range chosen {
		// The rank is padded to a multiple of 4. The padding is zero in A and B, so its gradients
		// are zero and it stays zero.
		padded := kernels.RowStride(shape.RankOf(l.path))
		entries = append(entries,
			params.Entry{Name: peftKey(l.path, "lora_A"), Rows: padded, Columns: l.in},
			params.Entry{Name: peftKey(l.path, "lora_B"), Rows: l.out, Columns: padded})
		a.paths = append(a.paths, l.path)
	}
	var err error
	if a.params, err = params.New(m.g, entries, trains); err != nil {
		return nil, err
	}
	for i, path := range a.paths {
		ea, eb := a.params.Entries[2*i], a.params.Entries[2*i+1]
		a.pairs = append(a.pairs, &loraPair{
			rank: ea.Rows, scale: float32(shape.Scaling(path)),
			a: ea.Value, b: eb.Value, da: ea.Grad, db: eb.Grad,
		})
	}
	m.adapters = append(m.adapters, a)
	return a, nil
}

func peftKey(path, factor string) string {
	return "base_model.model." + path + "." + factor + ".weight"
}

// Use selects the adapter of steps and decoders that are compiled from now on; nil selects none.
// Those that exist keep the adapter they were compiled with. It does no work on the device.
func (m *Model) Use(a *Adapter) {
	m.adapter = a
	if !m.full {
		m.Params = nil
		if a != nil && a.trains {
			m.Params = a.params
		}
	}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			l.lora = nil
			if a != nil {
				if at := slices.Index(a.paths, l.path); at >= 0 {
					l.lora = a.pairs[at]
				}
			}
		}
	}
}

// RemoveAdapter releases an adapter's memory. Free the steps and decoders that use it first.
func (m *Model) RemoveAdapter(a *Adapter) {
	i := slices.Index(m.adapters, a)
	if i < 0 {
		return
	}
	if m.adapter == a {
		m.Use(nil)
	}
	m.adapters = slices.Delete(m.adapters, i, i+1)
	a.params.Free()
}

// SetAdapter adds a as a trainable adapter and uses it.
func (m *Model) SetAdapter(a *weights.Adapter) error {
	on, err := m.AddAdapter(a, true)
	if err == nil {
		m.Use(on)
	}
	return err
}

// Adapter reads the active adapter from the device, in PEFT's layout.
func (m *Model) Adapter(ctx context.Context) (*weights.Adapter, error) {
	if m.adapter == nil {
		return nil, fault.New(fault.Missing, "adapter", "", "the model has no active adapter").
			WithRemedy("attach an adapter first")
	}
	values, err := m.adapter.params.ReadValues(ctx)
	if err != nil {
		return nil, err
	}
	return m.AdapterFrom(values), nil
}

// AdapterFrom builds a PEFT adapter from tensors in the order of the active adapter's parameters:
// values or gradients.
func (m *Model) AdapterFrom(values [][]float32) *weights.Adapter {
	active := m.adapter
	a := active.shape.Shape()
	for i, path := range active.paths {
		rank, padded := a.RankOf(path), active.pairs[i].rank
		in, out := active.params.Entries[2*i].Columns, active.params.Entries[2*i+1].Rows
		pair := weights.Pair{A: values[2*i][:rank*in], B: make([]float32, out*rank), In: in, Out: out}
		for r := range out {
			copy(pair.B[r*rank:(r+1)*rank], values[2*i+1][r*padded:])
		}
		a.Pairs[path] = pair
	}
	return &a
}

// Shape is the adapter's form, without pairs.
func (a *Adapter) Shape() weights.Adapter { return a.shape.Shape() }

// Active is the adapter in use, or nil.
func (m *Model) Active() *Adapter { return m.adapter }

// Adapters are all adapters on the device.
func (m *Model) Adapters() []*Adapter { return slices.Clone(m.adapters) }
