package weights

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufDivisors is the tensor with the RoPE scaling of Llama 3 files: llama.cpp divides the
// frequency of each pair of a head by one of its values.
const ggufDivisors = "rope_freqs.weight"

// maxDivisor is far above the factor of any scaling in use.
const maxDivisor = 1e6

func readDivisors(ctx context.Context, store blob.Store, g *gguf.File, t gguf.Tensor, pairs int) ([]float32, error) {
	if t.Type != gguf.Type(F32) || len(t.Shape) != 1 || t.Shape[0] != pairs {
		return nil, fault.New(fault.Mismatch, g.Name, t.Field(), "is %s%v, but the heads have %d rotary pairs", t.Type,
			t.Shape, pairs).WithRemedy(downloadAgain)
	}
	f := &File{store: store, name: g.Name}
	out := make([]float32, pairs)
	info := Info{Name: t.Name, DType: F32, Shape: t.Shape, Blob: g.Name, Begin: t.Begin, End: t.End}
	if err := f.ReadF32At(ctx, info, out, 0); err != nil {
		return nil, err
	}
	for i, v := range out {
		if !(v >= 1/maxDivisor && v <= maxDivisor) {
			return nil, fault.New(fault.OutOfRange, g.Name, t.Field(), "element %d is %v", i, v).
				WithLimit("%v to %v", 1/maxDivisor, maxDivisor).
				WithRemedy(downloadAgain)
		}
	}
	return out, nil
}

// ropeScaling sets rope_scaling as llama.cpp interprets the metadata. A factor without a type means
// linear scaling. Older files name the factor scale_linear.
func (w *ggufConfigBuilder) ropeScaling() {
	prefix := w.arch + ".rope."
	key := prefix + "scaling.factor"
	if _, ok := w.g.Metadata[key]; !ok {
		key = prefix + "scale_linear"
	}
	factor, scaled := w.g.Metadata[key]
	kind, typed := w.g.Metadata[prefix+"scaling.type"].Text()
	w.refuse(prefix+"scaling.attn_factor", 1, "use a model without RoPE scaling")
	switch {
	case typed && kind == "none":
		return
	case typed && kind != "" && kind != "linear":
		w.fail(fault.Unsupported, prefix+"scaling.type", "is %s", fault.Quote(kind)).
			WithRemedy("use a model without RoPE scaling or with linear scaling")
		return
	case !scaled:
		return
	}
	x, ok := factor.Float()
	if !ok {
		w.fail(fault.Malformed, key, "is not a number").WithRemedy(downloadAgain)
		return
	}
	if x == 0 {
		return // llama.cpp: no scaling
	}
	w.json["rope_scaling"], w.keys["rope_scaling.factor"] = map[string]any{"rope_type": "linear", "factor": x},
		gguf.Field(key)
}
