package weights

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// The names PEFT gives an adapter's two files.
const (
	AdapterConfigName  = "adapter_config.json"
	AdapterWeightsName = "adapter_model.safetensors"
)

// Limits on adapters.
const (
	maxRankR        = 4096
	maxAdapterBytes = 1 << 30
	// maxUpdate bounds scaling·‖A‖·‖B‖, which is at least the norm of what a pair adds to its layer. The product of a gate and an
	// up projection is squared by the next norm, so from about 1e9 on float32 overflows; trained updates have norms below 100.
	maxUpdate = 1e6

	peftRoot = "base_model.model."
	suffixA  = ".lora_A.weight"
	suffixB  = ".lora_B.weight"
)

// Pair is the low-rank update of one linear layer: the layer computes W·x + scaling·B·(A·x).
type Pair struct {
	A   []float32 // [rank, In], row-major
	B   []float32 // [Out, rank], row-major
	In  int
	Out int
}

// Rank is the pair's own rank.
func (p Pair) Rank() int { return len(p.A) / p.In }

// Adapter is a LoRA adapter (Hu et al. 2021) in PEFT's terms.
type Adapter struct {
	Rank          int
	Alpha         float64
	RSLoRA        bool       // scale by α/√r (Kalajdzievski 2023) instead of α/r
	RankPattern   []Override // rank_pattern: modules with a rank of their own
	AlphaPattern  []Override // alpha_pattern: modules with an α of their own
	Targets       []string   // target_modules as a list: a layer whose path ends in one of them is adapted
	TargetPattern string     // target_modules as one string: a regular expression for whole paths, or "all-linear"
	Layers        []int      // layers_to_transform: the blocks that Targets means; nil is all
	LayersPattern []string   // layers_pattern: what a list of blocks is called, where it is not found by itself
	Exclude       []string   // exclude_modules as a list
	ExcludeRegexp string     // exclude_modules as one string
	BaseModel     string     // base_model_name_or_path
	Made          Made
	Pairs         map[string]Pair
}

// Made says under what conditions an adapter was trained, as far as that is known. PEFT has no place for it: it stands in the
// metadata of the weights' file, which PEFT does not look at, and so travels with its two files.
type Made struct {
	Template string // how prompts were laid out: "plain", "chat", or "" where nobody said
	Base     string // the formats of the base's matrices, such as "q8"; or ""
}

// The keys of Made in a safetensors header.
const (
	madeTemplate = "nextquill.template"
	madeBase     = "nextquill.base"
)

// maxMade bounds what is believed of a file: names.
const maxMade = 64

func madeOf(f *File) Made {
	word := func(key string) string {
		if v := f.Metadata()[key]; len(v) <= maxMade {
			return v
		}
		return ""
	}
	return Made{Template: word(madeTemplate), Base: word(madeBase)}
}

// ReadMade reads what an adapter says of its making, and none of its values.
func ReadMade(ctx context.Context, store blob.Store, dir string) (Made, error) {
	f, err := Open(ctx, store, blob.Join(dir, AdapterWeightsName))
	if err != nil {
		return Made{}, err
	}
	return madeOf(f), nil
}

// RankOf is the rank of a module's pair.
func (a *Adapter) RankOf(path string) int { return int(override(a.RankPattern, path, float64(a.Rank))) }

// AlphaOf is α of a module's pair.
func (a *Adapter) AlphaOf(path string) float64 { return override(a.AlphaPattern, path, a.Alpha) }

// Scaling is the factor on a module's B·A.
func (a *Adapter) Scaling(path string) float64 {
	r := float64(a.RankOf(path))
	if a.RSLoRA {
		r = math.Sqrt(r)
	}
	return a.AlphaOf(path) / r
}

// Paths lists the adapted modules in a fixed order, such as "model.layers.0.self_attn.q_proj".
func (a *Adapter) Paths() []string { return slices.Sorted(maps.Keys(a.Pairs)) }

// Shape is the adapter without its pairs: what a new adapter of the same form starts from.
func (a *Adapter) Shape() Adapter {
	s := *a
	s.Pairs = map[string]Pair{}
	return s
}

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
	a.Made = madeOf(f)
	if err := a.readPairs(ctx, f); err != nil {
		return nil, err
	}
	return a, nil
}

// readPairs checks all names and shapes before it reads the first value.
func (a *Adapter) readPairs(ctx context.Context, f *File) error {
	total := 0
	for _, t := range f.Tensors() {
		path, _, err := a.place(f.Name(), t)
		if err != nil {
			return err
		}
		p := a.Pairs[path]
		if strings.HasSuffix(t.Name, suffixA) {
			p.In = t.Shape[1]
		} else {
			p.Out = t.Shape[0]
		}
		a.Pairs[path] = p
		total += 4 * t.Elements()
	}
	if len(a.Pairs) == 0 {
		return fault.New(fault.Missing, f.Name(), "", "holds no LoRA tensor").WithRemedy(fetchAgain)
	}
	if total > maxAdapterBytes {
		return fault.New(fault.TooLarge, f.Name(), "", "unpacks to %d bytes", total).WithLimit("%d", maxAdapterBytes).
			WithRemedy("train an adapter of a lower rank, or merge this one into its base with PEFT")
	}
	for _, path := range a.Paths() {
		if p := a.Pairs[path]; p.In == 0 || p.Out == 0 {
			return fault.New(fault.Missing, f.Name(), "module "+fault.Quote(path), "has only one of lora_A and lora_B, or an empty one").
				WithRemedy(fetchAgain)
		}
	}
	for _, t := range f.Tensors() {
		data, err := f.ReadF32(ctx, t.Name)
		if err != nil {
			return err
		}
		path, isA, _ := a.place(f.Name(), t)
		p := a.Pairs[path]
		if isA {
			p.A = data
		} else {
			p.B = data
		}
		a.Pairs[path] = p
	}
	return a.checkUpdates(f.Name())
}

// place gives the module that a tensor belongs to and which factor of it the tensor is.
func (a *Adapter) place(file string, t Info) (path string, isA bool, err error) {
	const together = "take both files of the adapter from the same place"
	path, ok := strings.CutPrefix(t.Name, peftRoot)
	if !ok {
		return "", false, fault.New(fault.Unsupported, file, t.Field(), "does not start with %s", peftRoot).WithRemedy("save the adapter with PEFT")
	}
	isA = strings.HasSuffix(path, suffixA)
	if !isA && !strings.HasSuffix(path, suffixB) {
		return "", false, fault.New(fault.Unsupported, file, t.Field(), "is neither lora_A nor lora_B of a linear layer").
			WithRemedy("train the adapter with plain LoRA on linear layers only")
	}
	path = path[:len(path)-len(suffixA)]
	if !a.targets(path) {
		return "", false, fault.New(fault.Mismatch, file, t.Field(), "is for a module that target_modules does not name").WithRemedy(together)
	}
	r := a.RankOf(path)
	if len(t.Shape) != 2 || isA && t.Shape[0] != r || !isA && t.Shape[1] != r {
		return "", false, fault.New(fault.Mismatch, file, t.Field(), "has shape %v, which is not of rank r=%d", t.Shape, r).WithRemedy(together)
	}
	return path, isA, nil
}

// targets is PEFT's test of a module path against a list of target_modules. A pattern is not interpreted: which modules have
// tensors says which modules it meant, and Python's expressions do more than any linear-time matcher may.
func (a *Adapter) targets(path string) bool {
	if a.TargetPattern != "" || slices.Contains(a.Targets, path) {
		return true
	}
	if !slices.ContainsFunc(a.Targets, func(t string) bool { return strings.HasSuffix(path, "."+t) }) {
		return false
	}
	i, ok := layerIndex(path)
	return a.Layers == nil || len(a.LayersPattern) > 0 || !ok || slices.Contains(a.Layers, i)
}

// checkUpdates refuses factors whose product would drown the layer it is added to.
func (a *Adapter) checkUpdates(file string) error {
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		if bound := math.Abs(a.Scaling(path)) * norm(p.A) * norm(p.B); !(bound <= maxUpdate) {
			return fault.New(fault.OutOfRange, file, "module "+fault.Quote(path), "changes its layer by a norm of up to %.3g", bound).
				WithLimit("%.0e", maxUpdate).WithRemedy("the training that made it diverged, or the file is altered: use another checkpoint")
		}
	}
	return nil
}

func norm(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// UpdateNorm is the Frobenius norm of what the adapter adds to a module's weight: scaling·‖B·A‖, from the two Gram matrices
// [rank, rank], so that the product itself is never made.
func (a *Adapter) UpdateNorm(path string) float64 {
	p := a.Pairs[path]
	r := p.Rank()
	var sum float64
	for i := range r {
		for j := range r {
			var rows, columns float64
			for k := range p.In {
				rows += float64(p.A[i*p.In+k]) * float64(p.A[j*p.In+k])
			}
			for k := range p.Out {
				columns += float64(p.B[k*r+i]) * float64(p.B[k*r+j])
			}
			sum += rows * columns
		}
	}
	return math.Abs(a.Scaling(path)) * math.Sqrt(max(sum, 0))
}

// Digest tells adapters apart: FNV-1a over the config and all values. It is no protection against anyone.
func (a *Adapter) Digest() string {
	h := fnv.New64a()
	h.Write(a.configJSON())
	var word [4]byte
	for _, path := range a.Paths() {
		for _, factor := range [][]float32{a.Pairs[path].A, a.Pairs[path].B} {
			for _, v := range factor {
				binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
				h.Write(word[:])
			}
		}
	}
	return strconv.FormatUint(h.Sum64(), 16)
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
			Tensor{peftRoot + path + suffixA, []int{p.Rank(), p.In}, p.A},
			Tensor{peftRoot + path + suffixB, []int{p.Out, p.Rank()}, p.B})
	}
	metadata := map[string]string{"format": "pt"}
	for key, v := range map[string]string{madeTemplate: a.Made.Template, madeBase: a.Made.Base} {
		if v != "" {
			metadata[key] = v
		}
	}
	err := Write(ctx, store, blob.Join(dir, AdapterWeightsName), tensors, metadata)
	if err != nil {
		return err
	}
	return store.Write(ctx, blob.Join(dir, AdapterConfigName), a.configJSON())
}
