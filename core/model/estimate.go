package model

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// Memory is what a model and the work on it take on the device, in bytes by kind.
type Memory struct {
	Base        int64 `json:"base"`        // all weights that do not train, or all when all do
	Adapter     int64 `json:"adapter"`     // LoRA factors
	Optimizer   int64 `json:"optimizer"`   // gradients and AdamW's moments
	Activations int64 `json:"activations"` // of the steps' token budgets, with their inputs
	Cache       int64 `json:"cache"`       // keys and values while writing, with the decoder's scratch
	Loading     int64 `json:"loading"`     // while loading alone
}

// Peak is the most that is there at once.
func (m Memory) Peak() int64 {
	return m.Base + max(m.Loading, m.Adapter+m.Optimizer+m.Activations+m.Cache)
}

// Needs says what is on the device at once beside a model's weights.
type Needs struct {
	LoRA   *LoRASpec        // an adapter that is made
	Train  *weights.Adapter // one that is read, and trains
	Frozen *weights.Adapter // one that is read, and does not
	Steps  []StepSpec
	Decode *DecodeSpec
}

// Estimate tells what a model of store would take on a device with these limits, in
// that one of several phases which takes most. It records everything as the model
// itself does, on a device that does nothing, so that it cannot be off by more than what
// a caller leaves out of Needs. A fault of kind DeviceLimit names what such a device
// cannot hold.
func Estimate(ctx context.Context, info gpu.Info, store blob.Store, path string, o LoadOptions, phases ...Needs) (Memory, error) {
	g := gpu.NewContext(gpu.Dry{Limits: info})
	tune := kernels.DefaultTune(info)
	m, pieces, err := prepare(ctx, g, &tune, store, path, o)
	if err != nil {
		return Memory{}, err
	}
	base := Memory{Base: g.LiveBytes(), Loading: loadingBytes(pieces)}
	if m.full {
		base.Optimizer = m.Params.trainingBytes()
		base.Base -= base.Optimizer
	}
	most := base
	for _, n := range phases {
		phase, err := n.record(g, m, base)
		if err != nil {
			return Memory{}, err
		}
		if phase.Peak() > most.Peak() {
			most = phase
		}
	}
	return most, nil
}

// record adds a phase's memory to that of the base, and lets it go again.
func (n Needs) record(g *gpu.Context, m *Model, base Memory) (Memory, error) {
	out := base
	var free []func()
	defer func() {
		for _, f := range free {
			f()
		}
	}()
	grown := func() func() int64 {
		before := g.LiveBytes()
		return func() int64 { return g.LiveBytes() - before }
	}
	adapters := grown()
	var err error
	if n.LoRA != nil {
		err = m.AttachLoRA(*n.LoRA, 0)
	} else if n.Train != nil {
		err = m.SetAdapter(n.Train)
	}
	if err != nil {
		return out, err
	}
	if a := m.Using(); a != nil {
		out.Optimizer += a.params.trainingBytes()
		free = append(free, func() { m.RemoveAdapter(a) })
	}
	if n.Frozen != nil {
		a, err := m.AddAdapter(n.Frozen, false)
		if err != nil {
			return out, err
		}
		m.Use(a)
		free = append(free, func() { m.RemoveAdapter(a) })
	}
	out.Adapter = adapters() - (out.Optimizer - base.Optimizer)
	steps := grown()
	for _, spec := range n.Steps {
		s, err := m.NewStep(spec)
		if err != nil {
			return out, err
		}
		free = append(free, s.Free)
	}
	out.Activations = steps()
	if n.Decode != nil {
		cache := grown()
		d, err := m.NewDecoder(*n.Decode)
		if err != nil {
			return out, err
		}
		free = append(free, d.Free)
		out.Cache = cache()
	}
	return out, nil
}

// trainingBytes is what gradients and moments take.
func (p *Params) trainingBytes() (bytes int64) {
	for _, s := range p.Segments {
		if s.Grad != 0 {
			bytes += 3 * 4 * int64(s.Count)
		}
	}
	return bytes
}
