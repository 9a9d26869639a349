package weights

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/regex"
)

// The names PEFT gives an adapter's two files.
const (
	AdapterConfigName  = "adapter_config.json"
	AdapterWeightsName = "adapter_model.safetensors"
)

// Limits on adapters.
const (
	maxRankR  = 4096
	peftRoot  = "base_model.model."
	suffixA   = ".lora_A.weight"
	suffixB   = ".lora_B.weight"
	allLinear = "all-linear"
)

// Pair is the low-rank update of one linear layer: the layer computes W·x + Scaling·B·(A·x).
type Pair struct {
	A   []float32 // [rank, In], row-major
	B   []float32 // [Out, rank], row-major
	In  int
	Out int
}

// Adapter is a LoRA adapter (Hu et al. 2021) in PEFT's terms.
type Adapter struct {
	Rank          int
	Alpha         float64
	RSLoRA        bool            // scale by α/√r (Kalajdzievski 2023) instead of α/r
	Targets       []string        // target_modules as a list: a layer whose path ends in one of them is adapted
	TargetPattern string          // target_modules as one string: a pattern for whole paths, or "all-linear"
	BaseModel     string          // base_model_name_or_path
	Pairs         map[string]Pair // by module path: "model.layers.0.self_attn.q_proj"
}

// Scaling is the factor on B·A.
func (a *Adapter) Scaling() float64 {
	if a.RSLoRA {
		return a.Alpha / math.Sqrt(float64(a.Rank))
	}
	return a.Alpha / float64(a.Rank)
}

// Paths lists the adapted modules in a fixed order.
func (a *Adapter) Paths() []string { return slices.Sorted(maps.Keys(a.Pairs)) }

// ReadAdapter reads a PEFT adapter folder. What it asks for and we cannot honour is refused by name.
func ReadAdapter(ctx context.Context, store blob.Store, dir string) (*Adapter, error) {
	name := blob.Join(dir, AdapterConfigName)
	data, err := blob.ReadAll(ctx, store, name, maxConfig)
	if err != nil {
		return nil, err
	}
	a, err := ParseAdapterConfig(name, data)
	if err != nil {
		return nil, err
	}
	f, err := Open(ctx, store, blob.Join(dir, AdapterWeightsName))
	if err != nil {
		return nil, err
	}
	if err := a.readPairs(ctx, f); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Adapter) readPairs(ctx context.Context, f *File) error {
	matches, err := a.matcher(f.Name())
	if err != nil {
		return err
	}
	for _, t := range f.Tensors() {
		path, ok := strings.CutPrefix(t.Name, peftRoot)
		if !ok {
			return fault.New(fault.Unsupported, f.Name(), t.Field(), "does not start with %s", peftRoot).WithRemedy("save the adapter with PEFT")
		}
		isA := strings.HasSuffix(path, suffixA)
		if !isA && !strings.HasSuffix(path, suffixB) {
			return fault.New(fault.Unsupported, f.Name(), t.Field(), "is neither lora_A nor lora_B of a linear layer").
				WithRemedy("train the adapter with plain LoRA on linear layers only")
		}
		path = path[:len(path)-len(suffixA)]
		if !matches(path) {
			return fault.New(fault.Mismatch, f.Name(), t.Field(), "is for a module that target_modules does not name").
				WithRemedy("take both files of the adapter from the same place")
		}
		if len(t.Shape) != 2 || isA && t.Shape[0] != a.Rank || !isA && t.Shape[1] != a.Rank {
			return fault.New(fault.Mismatch, f.Name(), t.Field(), "has shape %v, which is not of rank r=%d", t.Shape, a.Rank).
				WithRemedy("take both files of the adapter from the same place")
		}
		data, err := f.ReadF32(ctx, t.Name)
		if err != nil {
			return err
		}
		p := a.Pairs[path]
		if isA {
			p.A, p.In = data, t.Shape[1]
		} else {
			p.B, p.Out = data, t.Shape[0]
		}
		a.Pairs[path] = p
	}
	for path, p := range a.Pairs {
		if p.In == 0 || p.Out == 0 {
			return fault.New(fault.Missing, f.Name(), "module "+fault.Quote(path), "has only one of lora_A and lora_B, or an empty one").
				WithRemedy(fetchAgain)
		}
	}
	if len(a.Pairs) == 0 {
		return fault.New(fault.Missing, f.Name(), "", "holds no LoRA tensor").WithRemedy(fetchAgain)
	}
	return nil
}

// matcher gives PEFT's test of a module path against target_modules.
func (a *Adapter) matcher(where string) (func(path string) bool, error) {
	switch {
	case a.TargetPattern == allLinear:
		return func(string) bool { return true }, nil
	case a.TargetPattern != "":
		re, err := regex.Compile(`^(?:` + a.TargetPattern + `)$`) // PEFT's re.fullmatch; a module's path is one line
		if err != nil {
			return nil, fault.New(fault.Unsupported, where, "target_modules", "%s", fault.Quote(a.TargetPattern)).WithCause(err).
				WithRemedy("write it as a list of module names")
		}
		return re.Match, nil
	}
	return func(path string) bool {
		return slices.ContainsFunc(a.Targets, func(t string) bool { return path == t || strings.HasSuffix(path, "."+t) })
	}, nil
}

// CheckAdapter checks that every module an adapter updates exists in the model, in the same size.
func CheckAdapter(c Config, a *Adapter) error {
	const remedy = "use the base model the adapter was trained on"
	sizes := map[string][2]int{}
	for i := range c.Layers {
		for _, part := range LinearParts {
			out, in, _ := c.LinearShape(part)
			sizes[LayerPath(i, part)] = [2]int{out, in}
		}
	}
	for _, path := range a.Paths() {
		size, ok := sizes[path]
		p := a.Pairs[path]
		if !ok {
			return fault.New(fault.Mismatch, AdapterWeightsName, "module "+fault.Quote(path), "is no linear layer of the base model").
				WithRemedy(remedy)
		}
		if p.Out != size[0] || p.In != size[1] {
			return fault.New(fault.Mismatch, AdapterWeightsName, "module "+fault.Quote(path), "is for a layer of %d×%d, the base model's has %d×%d",
				p.Out, p.In, size[0], size[1]).WithRemedy(remedy)
		}
	}
	return nil
}

// WriteAdapter writes an adapter as PEFT does. The config goes last, so that a folder with a config holds whole weights.
func WriteAdapter(ctx context.Context, store blob.Store, dir string, a *Adapter) error {
	var tensors []Tensor
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		tensors = append(tensors,
			Tensor{peftRoot + path + suffixA, []int{a.Rank, p.In}, p.A},
			Tensor{peftRoot + path + suffixB, []int{p.Out, a.Rank}, p.B})
	}
	err := Write(ctx, store, blob.Join(dir, AdapterWeightsName), tensors, map[string]string{"format": "pt"})
	if err != nil {
		return err
	}
	return store.Write(ctx, blob.Join(dir, AdapterConfigName), a.configJSON())
}
