package weights

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufFields maps fields of config.json to GGUF keys, which follow the name of the architecture:
// llama.block_count and so on. Required keys are those without a default in llama.cpp.
var ggufFields = []struct {
	config, gguf string
	required     bool
}{
	{"hidden_size", "embedding_length", true},
	{"intermediate_size", "feed_forward_length", true},
	{"num_hidden_layers", "block_count", true},
	{"num_attention_heads", "attention.head_count", true},
	{"num_key_value_heads", "attention.head_count_kv", false},
	{"head_dim", "attention.key_length", false},
	{"max_position_embeddings", "context_length", true},
	{"rms_norm_eps", "attention.layer_norm_rms_epsilon", true},
	{"rope_theta", "rope.freq_base", false},
}

const (
	ggufArchitecture = "general.architecture"
	ggufBOS          = "tokenizer.ggml.bos_token_id"
	ggufEOS          = "tokenizer.ggml.eos_token_id"
	ggufNoToken      = math.MaxUint32 // old files write this for "no such token"
)

// ggufArchitectures use the tensor names and metadata keys below. Mistral files have the
// architecture llama.
var ggufArchitectures = []string{"llama", "qwen2", "qwen3"}

// GGUFArchitectures returns the values of general.architecture that are supported.
func GGUFArchitectures() []string { return slices.Clone(ggufArchitectures) }

func architecture(g *gguf.File) string {
	s, _ := g.Metadata[ggufArchitecture].Text()
	return s
}

// ggufConfig converts a file's metadata to a config.json and parses that, so both formats get the
// same checks. Faults name the metadata key.
func ggufConfig(g *gguf.File) (Config, error) {
	w := &ggufConfigBuilder{g: g, arch: architecture(g), json: map[string]any{}, keys: map[string]string{}}
	w.write()
	if w.err != nil {
		return Config{}, w.err
	}
	data, err := json.Marshal(w.json)
	if err != nil {
		return Config{}, fault.New(fault.Malformed, g.Name, "metadata", "cannot be read as a config").WithCause(err)
	}
	c, err := ParseConfig(g.Name, data)
	var e *fault.Error
	if errors.As(err, &e) && w.keys[e.Field] != "" {
		e.Field = w.keys[e.Field]
	}
	if err == nil {
		err = w.checkRope(c)
	}
	return c, err
}

// ggufConfigBuilder collects the members of a config.json, and the metadata key of each.
type ggufConfigBuilder struct {
	g    *gguf.File
	arch string
	json map[string]any
	keys map[string]string // config.json field to metadata key
	err  error
}

func (w *ggufConfigBuilder) fail(kind fault.Kind, key, format string, args ...any) *fault.Error {
	e := fault.New(kind, w.g.Name, gguf.Field(key), format, args...)
	if w.err == nil {
		w.err = e
	}
	return e
}

// set copies a number. Arrays (one number per layer) and other types are rejected.
func (w *ggufConfigBuilder) set(field, key string, required bool) {
	w.keys[field] = gguf.Field(key)
	v, ok := w.g.Metadata[key]
	if !ok {
		if required {
			w.fail(fault.Missing, key, "is missing").WithRemedy("use a file made by llama.cpp's convert_hf_to_gguf.py")
		}
		return
	}
	x, ok := v.Float()
	if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
		w.fail(fault.Unsupported, key, "is not a single number").WithRemedy("use a model whose layers are all the same")
		return
	}
	w.json[field] = v.Any()
}

func (w *ggufConfigBuilder) write() {
	w.json["model_type"], w.keys["model_type"] = w.arch, gguf.Field(ggufArchitecture)
	switch {
	case w.arch == "":
		w.fail(fault.Missing, ggufArchitecture, "is missing, so the model type is unknown").WithRemedy(downloadAgain)
	case !slices.Contains(ggufArchitectures, w.arch):
		w.fail(fault.Unsupported, ggufArchitecture, "is %s", fault.Quote(w.arch)).
			WithRemedy("use a model of the Llama or Qwen family")
	}
	for _, f := range ggufFields {
		w.json[f.config] = nil // overrides the defaults of transformers, which differ from llama.cpp's
		w.set(f.config, w.arch+"."+f.gguf, f.required)
	}
	if w.json["rope_theta"] == nil {
		delete(w.json, "rope_theta")
	}
	if w.arch == "qwen3" && w.json["head_dim"] == nil {
		w.fail(fault.Missing, "qwen3.attention.key_length", "is missing").WithRemedy(downloadAgain)
	}
	w.refuse("split.count", 1, "merge the parts with gguf-split --merge")
	w.refuse(w.arch+".expert_count", 0, "use a model without experts")
	w.ropeScaling()
	w.window()
	w.tensors()
	w.json["bos_token_id"] = nil
	if id, ok := w.token(ggufBOS); ok {
		w.json["bos_token_id"], w.keys["bos_token_id"] = id, gguf.Field(ggufBOS)
	}
	ends := []any{}
	for _, key := range ggufEOSKeys {
		if id, ok := w.token(key); ok && !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	w.json["eos_token_id"], w.keys["eos_token_id"] = ends, gguf.Field(ggufEOS)
}

// refuse rejects a metadata number that enables an unsupported feature. A missing key, 0 and the
// value harmless are accepted.
func (w *ggufConfigBuilder) refuse(key string, harmless float64, remedy string) {
	if v, ok := w.g.Metadata[key]; ok {
		if x, isNumber := v.Float(); !isNumber || x != harmless && x != 0 {
			w.fail(fault.Unsupported, key, "is %v", v.Any()).WithRemedy("%s", remedy)
		}
	}
}

// window rejects sliding-window attention, unless the window covers the longest sequence. 0 means
// no window.
func (w *ggufConfigBuilder) window() {
	key := w.arch + ".attention.sliding_window"
	v, ok := w.g.Metadata[key]
	if !ok {
		return
	}
	window, isInt := v.Int()
	positions, _ := w.g.Metadata[w.arch+".context_length"].Int()
	if !isInt || window != 0 && window < positions {
		w.fail(fault.Unsupported, key, "limits attention to %v of up to %d positions", v.Any(), positions).
			WithRemedy("use a model with full attention")
	}
}

// tensors sets the fields that follow from the tensors: vocabulary size, tied embeddings and
// biases.
func (w *ggufConfigBuilder) tensors() {
	w.json["tie_word_embeddings"] = true
	for _, t := range w.g.Tensors {
		switch {
		case t.Name == "output.weight":
			w.json["tie_word_embeddings"] = false
		case t.Name == "token_embd.weight":
			w.json["vocab_size"], w.keys["vocab_size"] = t.Shape[0], t.Field()
		case strings.HasSuffix(t.Name, ".attn_q.bias"):
			w.json["attention_bias"], w.keys["attention_bias"] = true, t.Field()
		}
	}
	if w.json["vocab_size"] == nil && w.err == nil {
		w.err = fault.New(fault.Missing, w.g.Name, `tensor "token_embd.weight"`, "is missing").
			WithRemedy("use a file with the complete model")
	}
}

// token reads a token id. ParseConfig rejects ids outside the vocabulary.
func (w *ggufConfigBuilder) token(key string) (any, bool) {
	v, ok := w.g.Metadata[key]
	if !ok {
		return nil, false
	}
	id, isInt := v.Int()
	if !isInt {
		w.fail(fault.Malformed, key, "is not an integer").WithRemedy(downloadAgain)
	}
	return id, id != ggufNoToken && id != -1
}

// checkRope rejects partial rotary embeddings, and values whose width differs from that of keys.
func (w *ggufConfigBuilder) checkRope(c Config) error {
	for _, key := range []string{"rope.dimension_count", "attention.value_length"} {
		key = w.arch + "." + key
		v, ok := w.g.Metadata[key]
		if !ok {
			continue
		}
		if n, _ := v.Int(); n != int64(c.HeadDim) {
			return w.fail(fault.Unsupported, key, "is %v, but the head width is %d", v.Any(), c.HeadDim).
				WithRemedy("use a model with full rotary embeddings and equal key and value widths")
		}
	}
	return nil
}
