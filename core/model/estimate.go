package model

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// Memory is the device memory of a model and the work on it, in bytes by kind.
type Memory struct {
	Base        int64 // the model's weights
	Adapter     int64 // LoRA factors
	Optimizer   int64 // gradients and AdamW's moments
	Activations int64 // of the steps at their token budgets, with their inputs
	Cache       int64 // KV cache and scratch of the decoder
	Loading     int64 // staging buffers, only while loading
}

// Peak is the most memory in use at once.
func (m Memory) Peak() int64 {
	return m.Base + max(m.Loading, m.Adapter+m.Optimizer+m.Activations+m.Cache)
}

// Needs is what one phase of a job keeps on the device at once, in addition to the model's weights.
type Needs struct {
	LoRA   *LoRASpec        // a new adapter
	Train  *weights.Adapter // an existing adapter that trains
	Frozen *weights.Adapter // an existing adapter that does not train
	Steps  []StepSpec
	Decode *DecodeSpec
	Encode int // tokens of an Encoder; 0 for none
	// Entries are those of the datastore that Steps and Decode use; 0 for none.
	Entries int
}

// Estimate returns the memory that a model needs on a device with these limits, in the phase that
// needs most. It runs the same allocations on a device that does nothing, so it is exact for what
// Needs lists. The error is a fault of kind DeviceLimit that names the tensor when the device
// cannot hold one.
func Estimate(
	ctx context.Context, info gpu.Info, store blob.Store, path string, o LoadOptions, phases ...Needs,
) (Memory, error) {
	g := gpu.NewContext(gpu.Dry{Limits: info})
	tune := kernels.DefaultTune(info)
	m, _, pieces, err := prepare(ctx, g, &tune, store, path, o)
	if err != nil {
		return Memory{}, err
	}
	base := Memory{Base: g.LiveBytes(), Loading: loadingBytes(pieces)}
	if m.full {
		base.Optimizer = m.Params.TrainingBytes()
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

// record returns the memory of a phase on top of the base, and frees it again.
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
	if a := m.Active(); a != nil {
		out.Optimizer += a.params.TrainingBytes()
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
	var datastore *Datastore
	if n.Entries > 0 {
		if datastore, err = m.allocateDatastore(kernels.DatastoreSpec{Keys: n.Entries}); err != nil {
			return out, err
		}
		free = append(free, datastore.Free)
	}
	for _, spec := range n.Steps {
		spec.Datastore = datastore
		s, err := m.NewStep(spec)
		if err != nil {
			return out, err
		}
		free = append(free, s.Free)
	}
	out.Activations = steps()
	if n.Decode != nil {
		cache := grown()
		spec := *n.Decode
		spec.Datastore = datastore
		d, err := m.NewDecoder(spec)
		if err != nil {
			return out, err
		}
		free = append(free, d.Free)
		out.Cache = cache()
	}
	if n.Encode > 0 {
		encoder := grown()
		e, err := m.NewEncoder(n.Encode)
		if err != nil {
			return out, err
		}
		free = append(free, e.Free)
		out.Activations += encoder()
	}
	return out, nil
}
