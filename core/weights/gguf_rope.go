package weights

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufDivisors is the tensor by which files of Llama 3 carry their scaling: a number for each pair of a head, which llama.cpp
// divides the pair's frequency by.
const ggufDivisors = "rope_freqs.weight"

// maxDivisor is far above the factor of any scaling.
const maxDivisor = 1e6

func readDivisors(ctx context.Context, store blob.Store, g *gguf.File, t gguf.Tensor, pairs int) ([]float32, error) {
	if t.Type != gguf.Type(F32) || len(t.Shape) != 1 || t.Shape[0] != pairs {
		return nil, fault.New(fault.Mismatch, g.Name, t.Field(), "is %s%v, the heads have %d pairs", t.Type, t.Shape, pairs).WithRemedy(fetchAgain)
	}
	f := &File{store: store, name: g.Name}
	out := make([]float32, pairs)
	info := Info{Name: t.Name, DType: F32, Shape: t.Shape, Blob: g.Name, Begin: t.Begin, End: t.End}
	if err := f.ReadF32At(ctx, info, out, 0); err != nil {
		return nil, err
	}
	for i, v := range out {
		if !(v >= 1/maxDivisor && v <= maxDivisor) {
			return nil, fault.New(fault.OutOfRange, g.Name, t.Field(), "element %d is %v", i, v).WithLimit("%v to %v", 1/maxDivisor, maxDivisor).
				WithRemedy(fetchAgain)
		}
	}
	return out, nil
}

// ropeScaling sets rope_scaling as llama.cpp understands the metadata: a factor scales linearly unless a type says otherwise, and
// older files call it scale_linear.
func (w *ggufWriter) ropeScaling() {
	prefix := w.arch + ".rope."
	key := prefix + "scaling.factor"
	if _, ok := w.g.Metadata[key]; !ok {
		key = prefix + "scale_linear"
	}
	factor, scaled := w.g.Metadata[key]
	kind, typed := w.g.Metadata[prefix+"scaling.type"].Text()
	w.refuse(prefix+"scaling.attn_factor", 1, "use a model without rope scaling")
	switch {
	case typed && kind == "none":
		return
	case typed && kind != "" && kind != "linear":
		w.fail(fault.Unsupported, prefix+"scaling.type", "is %s", fault.Quote(kind)).WithRemedy("use a model without rope scaling, or with a linear one")
		return
	case !scaled:
		return
	}
	x, ok := factor.Float()
	if !ok {
		w.fail(fault.Malformed, key, "is no number").WithRemedy(fetchAgain)
		return
	}
	if x == 0 {
		return // llama.cpp's word for none
	}
	w.json["rope_scaling"], w.keys["rope_scaling.factor"] = map[string]any{"rope_type": "linear", "factor": x}, gguf.Field(key)
}
