package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
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
	da    *gpu.Tensor // nil when frozen
	db    *gpu.Tensor
}

// Adapter is a LoRA adapter on the device, made for one model. A model holds any
// number of them and uses one at a time, or none: see Use.
type Adapter struct {
	shape  weights.Adapter // its form, without pairs
	paths  []string        // entries 2i and 2i+1 of params are A and B of paths[i]
	pairs  []*loraPair
	params *Params
	trains bool
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

// MaxRank bounds the rank of a new adapter: more than that is full fine-tuning in
// disguise.
const MaxRank = 512

// AttachLoRA adds a LoRA pair to the layers that spec targets and uses it. A is
// drawn from U(−1/√in, 1/√in) as PEFT does (Kaiming with a=√5), B is zero, so the
// model is unchanged at first. It trains; no model whose weights all train takes one.
func (m *Model) AttachLoRA(spec LoRASpec, seed uint64) error {
	if spec.Rank < 1 || spec.Rank > MaxRank {
		return fault.New(fault.OutOfRange, "lora", "rank", "%d", spec.Rank).WithLimit("1 to %d", MaxRank)
	}
	if !(spec.Alpha > 0) || math.IsInf(spec.Alpha, 0) {
		return fault.New(fault.OutOfRange, "lora", "alpha", "%g", spec.Alpha).WithLimit("a number above 0")
	}
	targets := spec.Targets
	if len(targets) == 0 {
		for _, p := range weights.LinearParts {
			targets = append(targets, p[strings.LastIndex(p, ".")+1:])
		}
	}
	hit := map[string]bool{}
	chosen := m.linearsWhere(func(l *linear) bool {
		for _, t := range targets {
			if l.path == t || strings.HasSuffix(l.path, "."+t) {
				hit[t] = true
				return true
			}
		}
		return false
	})
	for _, t := range targets {
		if !hit[t] {
			return fault.New(fault.Missing, "lora", "targets", "no linear layer is named %q", t).
				WithRemedy("use names such as q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")
		}
	}
	a, err := m.newAdapter(weights.Adapter{Rank: spec.Rank, Alpha: spec.Alpha, RSLoRA: spec.RSLoRA, Targets: targets}, chosen, true)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 0x10a))
	for i, l := range chosen {
		bound := 1 / math.Sqrt(float64(l.in))
		v := make([]float32, a.pairs[i].rank*l.in)
		for j := range v[:spec.Rank*l.in] {
			v[j] = float32((2*rng.Float64() - 1) * bound)
		}
		a.params.Set(2*i, v)
	}
	m.Use(a)
	return m.g.Flush()
}

func (m *Model) linearsWhere(keep func(*linear) bool) (out []*linear) {
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			if keep(l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// AddAdapter puts a PEFT adapter on the device, beside those that are there. One
// that does not train takes a quarter of the memory: it has no gradients and no
// moments.
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

// newAdapter makes an adapter of zeros.
func (m *Model) newAdapter(shape weights.Adapter, chosen []*linear, trains bool) (*Adapter, error) {
	if m.full && trains {
		return nil, fault.New(fault.Unsupported, "adapter", "", "all weights of the model train").WithRemedy("load the model without full fine-tuning")
	}
	var entries []Param
	a := &Adapter{shape: shape, trains: trains}
	for _, l := range chosen {
		// The rank is padded to whole vec4s. The padding is zero on both
		// sides, so its gradients are zero and it stays so.
		padded := (shape.RankOf(l.path) + 3) &^ 3
		entries = append(entries,
			Param{Name: peftKey(l.path, "lora_A"), Rows: padded, Columns: l.in},
			Param{Name: peftKey(l.path, "lora_B"), Rows: l.out, Columns: padded})
		a.paths = append(a.paths, l.path)
	}
	var err error
	if a.params, err = layParams(m.g, entries, trains); err != nil {
		return nil, err
	}
	for i, path := range a.paths {
		ea, eb := a.params.Entries[2*i], a.params.Entries[2*i+1]
		a.pairs = append(a.pairs, &loraPair{
			rank: ea.Rows, scale: float32(shape.Scaling(path)), a: ea.Value, b: eb.Value, da: ea.Grad, db: eb.Grad,
		})
	}
	m.adapters = append(m.adapters, a)
	return a, nil
}

func peftKey(path, factor string) string {
	return "base_model.model." + path + "." + factor + ".weight"
}

// Use makes the model compute with an adapter of its own, or without one when a is
// nil. Steps and decoders keep what they were made with: it costs nothing, and
// there is nothing to wait for.
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

// RemoveAdapter takes an adapter off the device; what was made with it must be gone.
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

// SetAdapter adds a to the model to be trained, and uses it.
func (m *Model) SetAdapter(a *weights.Adapter) error {
	on, err := m.AddAdapter(a, true)
	if err == nil {
		m.Use(on)
	}
	return err
}

// Adapter reads the adapter in use off the device, in PEFT's terms.
func (m *Model) Adapter(ctx context.Context) (*weights.Adapter, error) {
	if m.adapter == nil {
		return nil, fault.New(fault.Missing, "adapter", "", "the model carries none")
	}
	values, err := m.adapter.params.ReadValues(ctx)
	if err != nil {
		return nil, err
	}
	return m.AdapterFrom(values), nil
}

// AdapterFrom makes a PEFT adapter of tensors in the order of the adapter in use:
// values or gradients.
func (m *Model) AdapterFrom(values [][]float32) *weights.Adapter {
	st := m.adapter
	a := st.shape.Shape()
	for i, path := range st.paths {
		rank, padded := a.RankOf(path), st.pairs[i].rank
		in, out := st.params.Entries[2*i].Columns, st.params.Entries[2*i+1].Rows
		pair := weights.Pair{A: values[2*i][:rank*in], B: make([]float32, out*rank), In: in, Out: out}
		for r := range out {
			copy(pair.B[r*rank:(r+1)*rank], values[2*i+1][r*padded:])
		}
		a.Pairs[path] = pair
	}
	return &a
}

// Using is the adapter in use, or nil.
func (m *Model) Using() *Adapter { return m.adapter }

// Adapters are those on the device, in use or not.
func (m *Model) Adapters() []*Adapter { return slices.Clone(m.adapters) }

// HasAdapter tells whether an adapter is in use.
func (m *Model) HasAdapter() bool { return m.adapter != nil }

// DetachAdapter drops the adapter in use; plans recorded with it must be gone.
func (m *Model) DetachAdapter() {
	if m.adapter != nil {
		m.RemoveAdapter(m.adapter)
	}
}
