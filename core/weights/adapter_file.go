package weights

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// ReadAdapter reads a PEFT adapter folder. An option that is not supported gives a
// fault.Unsupported that names it.
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
	if errors.Is(err, blob.ErrNotExist) { // adapter_model.bin is a pickle, which can run code
		err = fault.New(fault.Missing, dir, AdapterWeightsName, "is missing").WithCause(blob.ErrNotExist).
			WithRemedy("save the adapter with PEFT, which writes it; an adapter_model.bin is not read")
	}
	if err != nil {
		return nil, err
	}
	a.Provenance = provenanceOf(f)
	if err := a.readPairs(ctx, f); err != nil {
		return nil, err
	}
	return a, nil
}

// readPairs checks all names and shapes before it reads the first value.
func (a *Adapter) readPairs(ctx context.Context, f *File) error {
	total := 0
	for _, t := range f.Tensors() {
		path, _, err := a.moduleOf(f.Name(), t)
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
		return fault.New(fault.Missing, f.Name(), "", "holds no LoRA tensor").WithRemedy(downloadAgain)
	}
	if total > maxAdapterBytes {
		return fault.New(fault.TooLarge, f.Name(), "", "unpacks to %d bytes", total).WithLimit("%d", maxAdapterBytes).
			WithRemedy("train an adapter of a lower rank, or merge this one into its base with PEFT")
	}
	for _, path := range a.Paths() {
		if p := a.Pairs[path]; p.In == 0 || p.Out == 0 {
			has, lacks := "lora_A", "lora_B"
			if p.In == 0 {
				has, lacks = lacks, has
			}
			return fault.New(fault.Missing, f.Name(), "module "+fault.Quote(path),
				"has %s but no %s, or an empty one", has, lacks).
				WithRemedy("save the adapter again with PEFT, or download both of its files again")
		}
	}
	for _, t := range f.Tensors() {
		data, err := f.ReadF32(ctx, t.Name)
		if err != nil {
			return err
		}
		path, isA, _ := a.moduleOf(f.Name(), t)
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

// moduleOf returns the module that a tensor belongs to, and whether the tensor is factor A or B.
func (a *Adapter) moduleOf(file string, t Info) (path string, isA bool, err error) {
	const sameSource = "use both files of the adapter from the same source"
	path, ok := strings.CutPrefix(t.Name, peftRoot)
	if !ok {
		return "", false, fault.New(fault.Unsupported, file, t.Field(), "does not start with %s", peftRoot).
			WithRemedy("save the adapter with PEFT")
	}
	if what := outsideBlocks(path); what != "" {
		return "", false, fault.New(fault.Unsupported, file, t.Field(),
			"belongs to %s, which cannot have an adapter here", what).WithRemedy(mergeWithPEFT)
	}
	isA = strings.HasSuffix(path, suffixA)
	if !isA && !strings.HasSuffix(path, suffixB) {
		const detail = "is neither lora_A nor lora_B of a linear layer"
		return "", false, fault.New(fault.Unsupported, file, t.Field(), detail).
			WithRemedy("train the adapter with plain LoRA on linear layers only")
	}
	path = path[:len(path)-len(suffixA)]
	if !a.TargetsModule(path) {
		const detail = "belongs to a module that target_modules does not name"
		return "", false, fault.New(fault.Mismatch, file, t.Field(), detail).WithRemedy(sameSource)
	}
	r := a.RankOf(path)
	if len(t.Shape) != 2 || isA && t.Shape[0] != r || !isA && t.Shape[1] != r {
		return "", false, fault.New(fault.Mismatch, file, t.Field(), "has shape %v, which does not match rank r=%d",
			t.Shape, r).WithRemedy(sameSource)
	}
	return path, isA, nil
}

// outsideBlocks names the part of the model that a tensor belongs to if it is not a linear layer of
// a block: the head or the embedding table, with LoRA or completely (modules_to_save).
func outsideBlocks(path string) string {
	for _, part := range [][2]string{{"lm_head", "the head, lm_head"},
		{"embed_tokens", "the embedding table, embed_tokens"},
		{"modules_to_save", "a complete layer of modules_to_save"}} {
		if strings.Contains("."+path+".", "."+part[0]+".") {
			return part[1]
		}
	}
	return ""
}

// TargetsModule follows PEFT's test of a module path against a list of target_modules. A pattern is
// not interpreted, because a linear-time matcher cannot support all of Python's regular
// expressions: every module with tensors counts as targeted.
func (a *Adapter) TargetsModule(path string) bool {
	if a.TargetPattern != "" || slices.Contains(a.Targets, path) {
		return true
	}
	if !slices.ContainsFunc(a.Targets, func(t string) bool { return strings.HasSuffix(path, "."+t) }) {
		return false
	}
	i, ok := layerIndex(path)
	return a.Layers == nil || len(a.LayersPattern) > 0 || !ok || slices.Contains(a.Layers, i)
}

// checkUpdates rejects adapters whose update could overflow the activations.
func (a *Adapter) checkUpdates(file string) error {
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		if bound := math.Abs(a.Scaling(path)) * norm(p.A) * norm(p.B); !(bound <= maxUpdate) {
			return fault.New(fault.OutOfRange, file, "module "+fault.Quote(path),
				"changes its layer by a norm of up to %.3g", bound).
				WithLimit("%.0e", maxUpdate).
				WithRemedy("the training diverged or the file was altered: use another checkpoint")
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

// CheckAdapter checks that every module of an adapter exists in the model, with the same shape.
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
			return fault.New(fault.Mismatch, AdapterWeightsName, "module "+fault.Quote(path),
				"is not a linear layer of the base model").WithRemedy(remedy)
		}
		if p.Out != size[0] || p.In != size[1] {
			return fault.New(fault.Mismatch, AdapterWeightsName, "module "+fault.Quote(path),
				"is for a layer of shape %d×%d, but the base model's is %d×%d", p.Out, p.In, size[0], size[1]).
				WithRemedy(remedy)
		}
	}
	return nil
}

// WriteAdapter writes an adapter in PEFT's format. The config is written last, so a folder with a
// config has complete weights.
func WriteAdapter(ctx context.Context, store blob.Store, dir string, a *Adapter) error {
	var tensors []Tensor
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		tensors = append(tensors,
			Tensor{peftRoot + path + suffixA, []int{p.Rank(), p.In}, p.A},
			Tensor{peftRoot + path + suffixB, []int{p.Out, p.Rank()}, p.B})
	}
	metadata := map[string]string{"format": "pt"}
	for key, v := range map[string]string{provenanceTemplateKey: a.Provenance.Template,
		provenanceBaseKey: a.Provenance.Base} {
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
