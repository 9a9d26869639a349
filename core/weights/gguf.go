package weights

import (
	"context"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// OpenGGUF opens a GGUF file as a model. It returns the metadata as a Config, and the tensors under
// their names in transformers. Package core/tokenizer reads the tokenizer of the file.
func OpenGGUF(ctx context.Context, store blob.Store, name string) (Config, *File, error) {
	g, err := gguf.Open(ctx, store, name)
	if err != nil {
		return Config{}, nil, err
	}
	c, err := ggufConfig(g)
	if err != nil {
		return Config{}, nil, err
	}
	f := &File{store: store, name: name, byName: map[string]int{}}
	for _, t := range g.Tensors {
		if t.Name == ggufDivisors {
			if c.RopeDivisors, err = readDivisors(ctx, store, g, t, c.HeadDim/2); err != nil {
				return Config{}, nil, err
			}
			continue
		}
		info := Info{Name: ggufName(t.Name), DType: DType(t.Type), Shape: t.Shape, Blob: name, Begin: t.Begin,
			End: t.End}
		if _, twice := f.byName[info.Name]; twice {
			return Config{}, nil, fault.New(fault.Malformed, name, t.Field(), "is present under another name too").
				WithRemedy(downloadAgain)
		}
		if architecture(g) == "llama" {
			if info.PairedRows, err = pairedRows(c, name, t); err != nil {
				return Config{}, nil, err
			}
		}
		f.byName[info.Name] = len(f.tensors)
		f.tensors = append(f.tensors, info)
	}
	return c, f, nil
}

// pairedRows returns Info.PairedRows of a tensor of a Llama file. llama.cpp reorders the rows of q
// and k: its rotary kernel rotates adjacent values, while transformers rotates the two halves of a
// head (LlamaModel.permute in convert_hf_to_gguf.py).
func pairedRows(c Config, file string, t gguf.Tensor) (int, error) {
	if !strings.Contains(t.Name, ".attn_q.") && !strings.Contains(t.Name, ".attn_k.") {
		return 0, nil
	}
	if t.Shape[0]%c.HeadDim != 0 {
		return 0, fault.New(fault.Mismatch, file, t.Field(),
			"has shape %v, which is not a multiple of the head width %d", t.Shape, c.HeadDim).
			WithRemedy(downloadAgain)
	}
	return c.HeadDim, nil
}

// ggufTop and ggufBlock map module names of GGUF to those of transformers. Those of a block follow
// "blk.N." and "model.layers.N.".
var (
	ggufTop   = map[string]string{"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
	ggufBlock = map[string]string{
		"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
		"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
		"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
		"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
	}
)

// ggufName returns a tensor's name in transformers: blk.3.attn_q.weight is
// model.layers.3.self_attn.q_proj.weight. It returns unknown names unchanged; CheckLlama rejects
// them.
func ggufName(name string) string {
	module, suffix := name, ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		module, suffix = name[:i], name[i:]
	}
	if hf, ok := ggufTop[module]; ok {
		return hf + suffix
	}
	if rest, ok := strings.CutPrefix(module, "blk."); ok {
		if n, part, ok := strings.Cut(rest, "."); ok && ggufBlock[part] != "" {
			return "model.layers." + n + "." + ggufBlock[part] + suffix
		}
	}
	return name
}
