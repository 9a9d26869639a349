package model

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/weights"
)

// loraPair is W + scale·B·A on one linear layer, A [rank, in], B [out, rank].
type loraPair struct {
	rank  int // padded to a multiple of 4
	scale float32
	a, b  *gpu.Tensor
	da    *gpu.Tensor
	db    *gpu.Tensor
}

// adapterState is the LoRA adapter a model carries.
type adapterState struct {
	rank, padded int
	alpha        float64
	rslora       bool
	targets      []string
	paths        []string // entries 2i and 2i+1 of Params are A and B of paths[i]
}

// LoRASpec shapes a new adapter.
type LoRASpec struct {
	Rank  int
	Alpha float64
	// RSLoRA scales by α/√rank instead of α/rank.
	RSLoRA bool
	// Targets are the last names of linear layers; empty means all.
	Targets []string
}

// MaxRank bounds a LoRA rank: more than that is full fine-tuning in disguise.
const MaxRank = 512

// AttachLoRA adds a LoRA pair to the layers that spec targets. A is drawn from
// U(−1/√in, 1/√in) as PEFT does (Kaiming with a=√5), B is zero, so the model is
// unchanged at first. A model carries one adapter, and none when all weights train.
func (m *Model) AttachLoRA(spec LoRASpec, seed uint64) error {
	if spec.Rank < 1 || spec.Rank > MaxRank {
		return fault.New(fault.OutOfRange, "lora", "rank", "%d", spec.Rank).WithLimit("1 to %d", MaxRank)
	}
	if !(spec.Alpha > 0) || math.IsInf(spec.Alpha, 0) {
		return fault.New(fault.OutOfRange, "lora", "alpha", "%g", spec.Alpha).WithLimit("a number above 0")
	}
	if m.full || m.adapter != nil {
		return fault.New(fault.Unsupported, "lora", "", "the model already has parameters that train").
			WithRemedy("load it again")
	}
	targets := spec.Targets
	if len(targets) == 0 {
		for _, p := range weights.LinearParts {
			targets = append(targets, p[strings.LastIndex(p, ".")+1:])
		}
	}
	st := &adapterState{rank: spec.Rank, padded: (spec.Rank + 3) &^ 3, alpha: spec.Alpha, rslora: spec.RSLoRA, targets: targets}
	var chosen []*linear
	hit := map[string]bool{}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			for _, t := range targets {
				if l.path == t || strings.HasSuffix(l.path, "."+t) {
					chosen = append(chosen, l)
					hit[t] = true
					break
				}
			}
		}
	}
	for _, t := range targets {
		if !hit[t] {
			return fault.New(fault.Missing, "lora", "targets", "no linear layer is named %q", t).
				WithRemedy("use names such as q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")
		}
	}
	return m.attach(st, chosen, seed)
}

func (m *Model) attach(st *adapterState, chosen []*linear, seed uint64) error {
	var entries []Param
	for _, l := range chosen {
		// The rank is padded to whole vec4s. The padding is zero on both
		// sides, so its gradients are zero and it stays so.
		entries = append(entries,
			Param{Name: peftKey(l.path, "lora_A"), Rows: st.padded, Columns: l.in},
			Param{Name: peftKey(l.path, "lora_B"), Rows: l.out, Columns: st.padded})
		st.paths = append(st.paths, l.path)
	}
	params, err := newParams(m.g, entries)
	if err != nil {
		return err
	}
	a := weights.Adapter{Rank: st.rank, Alpha: st.alpha, RSLoRA: st.rslora}
	scale := float32(a.Scaling())
	rng := rand.New(rand.NewPCG(seed, 0x10a))
	for i, l := range chosen {
		ea, eb := params.Entries[2*i], params.Entries[2*i+1]
		l.lora = &loraPair{rank: st.padded, scale: scale, a: ea.Value, b: eb.Value, da: ea.Grad, db: eb.Grad}
		bound := 1 / math.Sqrt(float64(l.in))
		v := make([]float32, st.padded*l.in)
		for j := range v[:st.rank*l.in] {
			v[j] = float32((2*rng.Float64() - 1) * bound)
		}
		params.Set(2*i, v)
	}
	m.Params, m.adapter = params, st
	return m.g.Flush()
}

func peftKey(path, factor string) string {
	return "base_model.model." + path + "." + factor + ".weight"
}

// SetAdapter attaches a (when the model has no adapter yet) and takes its
// values. An adapter already attached must have the same shape.
func (m *Model) SetAdapter(a *weights.Adapter) error {
	if err := weights.CheckAdapter(m.Config, a); err != nil {
		return err
	}
	if m.adapter == nil {
		if m.full {
			return fault.New(fault.Unsupported, "adapter", "", "all weights of the model train").WithRemedy("load the model without full fine-tuning")
		}
		st := &adapterState{rank: a.Rank, padded: (a.Rank + 3) &^ 3, alpha: a.Alpha, rslora: a.RSLoRA, targets: a.Targets}
		var chosen []*linear
		for i := range m.layers {
			for _, l := range m.layers[i].linears() {
				if _, ok := a.Pairs[l.path]; ok {
					chosen = append(chosen, l)
				}
			}
		}
		if err := m.attach(st, chosen, 0); err != nil {
			return err
		}
	}
	values, err := m.adapterValues(a)
	if err != nil {
		return err
	}
	for i, v := range values {
		m.Params.Set(i, v)
	}
	return m.g.Flush()
}

// adapterValues lays an adapter's factors out as Params holds them.
func (m *Model) adapterValues(a *weights.Adapter) ([][]float32, error) {
	st := m.adapter
	if a.Rank != st.rank || len(a.Pairs) != len(st.paths) || float32(a.Scaling()) != m.loraScale() {
		return nil, fault.New(fault.Mismatch, "adapter", "", "rank %d, α %g on %d layers; the one in use has rank %d, α %g on %d layers",
			a.Rank, a.Alpha, len(a.Pairs), st.rank, st.alpha, len(st.paths)).WithRemedy("use adapters of one shape")
	}
	var out [][]float32
	for i, path := range st.paths {
		pair, ok := a.Pairs[path]
		if !ok {
			return nil, fault.New(fault.Missing, "adapter", path, "has no pair for this layer").WithRemedy("use adapters of one shape")
		}
		av := make([]float32, st.padded*m.Params.Entries[2*i].Columns)
		copy(av, pair.A)
		bv := make([]float32, m.Params.Entries[2*i+1].Rows*st.padded)
		for r := range m.Params.Entries[2*i+1].Rows {
			copy(bv[r*st.padded:], pair.B[r*st.rank:(r+1)*st.rank])
		}
		out = append(out, av, bv)
	}
	return out, nil
}

func (m *Model) loraScale() float32 {
	a := weights.Adapter{Rank: m.adapter.rank, Alpha: m.adapter.alpha, RSLoRA: m.adapter.rslora}
	return float32(a.Scaling())
}

// Adapter reads the adapter off the device, in PEFT's terms.
func (m *Model) Adapter(ctx context.Context) (*weights.Adapter, error) {
	if m.adapter == nil {
		return nil, fault.New(fault.Missing, "adapter", "", "the model carries none")
	}
	values, err := m.Params.ReadValues(ctx)
	if err != nil {
		return nil, err
	}
	return m.AdapterFrom(values), nil
}

// AdapterFrom makes a PEFT adapter of tensors in Params' order: values or
// gradients.
func (m *Model) AdapterFrom(values [][]float32) *weights.Adapter {
	st := m.adapter
	a := &weights.Adapter{Rank: st.rank, Alpha: st.alpha, RSLoRA: st.rslora, Targets: st.targets, Pairs: map[string]weights.Pair{}}
	for i, path := range st.paths {
		in, out := m.Params.Entries[2*i].Columns, m.Params.Entries[2*i+1].Rows
		pair := weights.Pair{A: values[2*i][:st.rank*in], B: make([]float32, out*st.rank), In: in, Out: out}
		for r := range out {
			copy(pair.B[r*st.rank:(r+1)*st.rank], values[2*i+1][r*st.padded:])
		}
		a.Pairs[path] = pair
	}
	return a
}

// HasAdapter tells whether an adapter is attached.
func (m *Model) HasAdapter() bool { return m.adapter != nil }

// DetachAdapter drops the adapter; plans recorded with it must be gone.
func (m *Model) DetachAdapter() {
	if m.adapter == nil {
		return
	}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			l.lora = nil
		}
	}
	m.Params.Free()
	m.Params, m.adapter = nil, nil
}
