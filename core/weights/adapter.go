package weights

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
)

// File names of a PEFT adapter folder.
const (
	AdapterConfigName  = "adapter_config.json"
	AdapterWeightsName = "adapter_model.safetensors"
)

// Limits on adapters.
const (
	maxRankR        = 4096
	maxAdapterBytes = 1 << 30
	// maxUpdate bounds scaling·‖A‖·‖B‖, an upper bound on the norm of a pair's weight update. The
	// next RMSNorm squares the product of the gate and up projections, so float32 overflows from
	// about 1e9. Trained updates have norms below 100.
	maxUpdate = 1e6

	peftRoot = "base_model.model."
	suffixA  = ".lora_A.weight"
	suffixB  = ".lora_B.weight"
)

// Pair is the low-rank update of one linear layer, which computes W·x + scaling·B·(A·x). Its PEFT
// keys are base_model.model.<module path>.lora_A.weight and lora_B.weight.
type Pair struct {
	A   []float32 // [rank, In], row-major
	B   []float32 // [Out, rank], row-major
	In  int       // in_features
	Out int       // out_features
}

// Rank is the number of rows of A.
func (p Pair) Rank() int { return len(p.A) / p.In }

// Adapter is a LoRA adapter (Hu et al. 2021) with the fields of PEFT's LoraConfig.
type Adapter struct {
	Rank          int        // r
	Alpha         float64    // lora_alpha
	RSLoRA        bool       // use_rslora: scale by α/√r (Kalajdzievski 2023) instead of α/r
	RankPattern   []Override // rank_pattern: modules with a rank of their own
	AlphaPattern  []Override // alpha_pattern: modules with an α of their own
	Targets       []string   // target_modules as a list: layers whose path ends in one of them are adapted
	TargetPattern string     // target_modules as one string: a regular expression for whole paths, or "all-linear"
	Layers        []int      // layers_to_transform: the blocks that Targets applies to; nil means all
	LayersPattern []string   // layers_pattern: names of the module lists that hold the blocks
	Exclude       []string   // exclude_modules as a list
	ExcludeRegexp string     // exclude_modules as one string
	BaseModel     string     // base_model_name_or_path
	Provenance    Provenance
	Pairs         map[string]Pair // by module path, such as "model.layers.0.self_attn.q_proj"
}

// RankOf returns the LoRA rank r of a module.
func (a *Adapter) RankOf(path string) int { return int(override(a.RankPattern, path, float64(a.Rank))) }

// AlphaOf returns α of a module.
func (a *Adapter) AlphaOf(path string) float64 { return override(a.AlphaPattern, path, a.Alpha) }

// Scaling returns the factor on a module's B·A: α/r, or α/√r with RSLoRA.
func (a *Adapter) Scaling(path string) float64 {
	r := float64(a.RankOf(path))
	if a.RSLoRA {
		r = math.Sqrt(r)
	}
	return a.AlphaOf(path) / r
}

// Paths lists the adapted modules in sorted order, such as "model.layers.0.self_attn.q_proj".
func (a *Adapter) Paths() []string { return slices.Sorted(maps.Keys(a.Pairs)) }

// Shape returns a copy of the adapter without its pairs. A new adapter of the same form starts from
// it.
func (a *Adapter) Shape() Adapter {
	s := *a
	s.Pairs = map[string]Pair{}
	return s
}

// UpdateNorm returns the Frobenius norm of a module's weight update, scaling·‖B·A‖. It uses the two
// Gram matrices [rank, rank], so the product [Out, In] is never computed.
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

// Digest is an FNV-1a hash of the config and all values, in hexadecimal. It tells adapters apart
// but is not cryptographically secure.
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
