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

// ggufFields are the fields of config.json that a GGUF file keeps under its architecture's name: llama.block_count and so on. What
// is required there has no default that llama.cpp would take.
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
	ggufNoToken      = math.MaxUint32 // what files of old write where there is no such token
)

// ggufArchitectures are the ones whose tensors and metadata have the names below. Mistral goes by llama's.
var ggufArchitectures = []string{"llama", "qwen2", "qwen3"}

func architecture(g *gguf.File) string {
	s, _ := g.Metadata[ggufArchitecture].Text()
	return s
}

// ggufConfig reads a file's metadata by way of the config.json that says the same, so that both are checked alike. Faults name
// the metadata.
func ggufConfig(g *gguf.File) (Config, error) {
	w := &ggufWriter{g: g, arch: architecture(g), json: map[string]any{}, keys: map[string]string{}}
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

// ggufWriter collects the members of a config.json and where each came from.
type ggufWriter struct {
	g    *gguf.File
	arch string
	json map[string]any
	keys map[string]string // fields to metadata
	err  error
}

func (w *ggufWriter) fail(kind fault.Kind, key, format string, args ...any) *fault.Error {
	e := fault.New(kind, w.g.Name, gguf.Field(key), format, args...)
	if w.err == nil {
		w.err = e
	}
	return e
}

// set copies a number. An array, one number a layer, is refused with what else is no number.
func (w *ggufWriter) set(field, key string, required bool) {
	w.keys[field] = gguf.Field(key)
	v, ok := w.g.Metadata[key]
	if !ok {
		if required {
			w.fail(fault.Missing, key, "is not there").WithRemedy("use a file made by llama.cpp's convert_hf_to_gguf.py")
		}
		return
	}
	x, ok := v.Float()
	if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
		w.fail(fault.Unsupported, key, "is no single number").WithRemedy("use a model whose layers are all alike")
		return
	}
	w.json[field] = v.Any()
}

func (w *ggufWriter) write() {
	w.json["model_type"], w.keys["model_type"] = w.arch, gguf.Field(ggufArchitecture)
	switch {
	case w.arch == "":
		w.fail(fault.Missing, ggufArchitecture, "is not there, so the kind of model is unknown").WithRemedy(fetchAgain)
	case !slices.Contains(ggufArchitectures, w.arch):
		w.fail(fault.Unsupported, ggufArchitecture, "is %s", fault.Quote(w.arch)).WithRemedy("use a model of the Llama or Qwen family")
	}
	for _, f := range ggufFields {
		w.json[f.config] = nil // what llama.cpp takes as default is not what the family's first config.json left out
		w.set(f.config, w.arch+"."+f.gguf, f.required)
	}
	if w.json["rope_theta"] == nil {
		delete(w.json, "rope_theta")
	}
	if w.arch == "qwen3" && w.json["head_dim"] == nil {
		w.fail(fault.Missing, "qwen3.attention.key_length", "is not there").WithRemedy(fetchAgain)
	}
	w.refuse("split.count", 1, "use the file that gguf-split --merge makes of the parts")
	w.refuse(w.arch+".expert_count", 0, "use a model without experts")
	w.ropeScaling()
	w.window()
	w.tensors()
	w.json["bos_token_id"] = nil
	if id, ok := w.token(ggufBOS); ok {
		w.json["bos_token_id"], w.keys["bos_token_id"] = id, gguf.Field(ggufBOS)
	}
	ends := []any{}
	for _, key := range ggufEnds {
		if id, ok := w.token(key); ok && !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	w.json["eos_token_id"], w.keys["eos_token_id"] = ends, gguf.Field(ggufEOS)
}

// refuse names a number that asks for what we do not do; none is not there or has the harmless value.
func (w *ggufWriter) refuse(key string, harmless float64, remedy string) {
	if v, ok := w.g.Metadata[key]; ok {
		if x, isNumber := v.Float(); !isNumber || x != harmless && x != 0 {
			w.fail(fault.Unsupported, key, "is %v", v.Any()).WithRemedy("%s", remedy)
		}
	}
}

// window refuses attention over a sliding window, unless it is as long as the longest sequence and so hides nothing; 0 is none.
func (w *ggufWriter) window() {
	key := w.arch + ".attention.sliding_window"
	v, ok := w.g.Metadata[key]
	if !ok {
		return
	}
	window, isInt := v.Int()
	positions, _ := w.g.Metadata[w.arch+".context_length"].Int()
	if !isInt || window != 0 && window < positions {
		w.fail(fault.Unsupported, key, "lets a token see %v of up to %d positions", v.Any(), positions).
			WithRemedy("use a model with full attention")
	}
}

// tensors sets what the tensors say: the size of the vocabulary, whether the head is tied, biases.
func (w *ggufWriter) tensors() {
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
		w.err = fault.New(fault.Missing, w.g.Name, `tensor "token_embd.weight"`, "is not there").WithRemedy("use a file that holds a whole model")
	}
}

// token reads a token id; one outside the vocabulary is for ParseConfig to refuse.
func (w *ggufWriter) token(key string) (any, bool) {
	v, ok := w.g.Metadata[key]
	if !ok {
		return nil, false
	}
	id, isInt := v.Int()
	if !isInt {
		w.fail(fault.Malformed, key, "is no integer").WithRemedy(fetchAgain)
	}
	return id, id != ggufNoToken && id != -1
}

// checkRope refuses heads that are rotated in part, and values of another width than keys.
func (w *ggufWriter) checkRope(c Config) error {
	for _, key := range []string{"rope.dimension_count", "attention.value_length"} {
		key = w.arch + "." + key
		v, ok := w.g.Metadata[key]
		if !ok {
			continue
		}
		if n, _ := v.Int(); n != int64(c.HeadDim) {
			return w.fail(fault.Unsupported, key, "is %v, heads have a width of %d", v.Any(), c.HeadDim).
				WithRemedy("use a model that rotates whole heads, with keys and values alike")
		}
	}
	return nil
}
