package weights

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// ConfigName is the model description in an HF folder.
const ConfigName = "config.json"

const maxConfig = 1 << 20

// Config describes a decoder of the Llama family, as config.json does.
type Config struct {
	HiddenSize       int     // hidden_size
	IntermediateSize int     // intermediate_size, the MLP's width
	Layers           int     // num_hidden_layers
	Heads            int     // num_attention_heads
	KVHeads          int     // num_key_value_heads; Heads is a multiple of it
	HeadDim          int     // head_dim, even; Heads×HeadDim need not be HiddenSize
	VocabSize        int     // vocab_size
	MaxPositions     int     // max_position_embeddings: the longest sequence
	RMSNormEps       float64 // rms_norm_eps
	RopeTheta        float64 // rope_theta
	TieEmbeddings    bool    // tie_word_embeddings: the head is the embedding table
	BOS              int32   // bos_token_id, or -1
	EOS              []int32 // eos_token_id, possibly several, possibly none
}

// Limits on a config. Together they keep every product of two sizes far below 2⁶³, and far above any model that fits on the
// devices we run on.
const (
	maxHidden       = 16384
	maxIntermediate = 131072
	maxLayers       = 256
	maxHeads        = 1024
	maxHeadDim      = 1024
	maxHeadsWidth   = 65536 // Heads×HeadDim
	maxVocab        = 1_000_000
	maxPositions    = 1 << 24
	maxEOS          = 64
)

// ReadConfig reads and checks dir/config.json. A field left out has the value transformers' LlamaConfig gives it.
func ReadConfig(ctx context.Context, store blob.Store, dir string) (Config, error) {
	name := blob.Join(dir, ConfigName)
	data, err := blob.ReadAll(ctx, store, name, maxConfig)
	if err != nil {
		return Config{}, err
	}
	return ParseConfig(name, data)
}

// ParseConfig reads and checks a config; name is used in messages.
func ParseConfig(name string, data []byte) (Config, error) {
	f, err := readFields(name, data)
	if err != nil {
		return Config{}, err
	}
	f.checkFamily()
	c := Config{
		HiddenSize:       f.int("hidden_size", 4096, 1, maxHidden),
		IntermediateSize: f.int("intermediate_size", 11008, 1, maxIntermediate),
		Layers:           f.int("num_hidden_layers", 32, 1, maxLayers),
		Heads:            f.int("num_attention_heads", 32, 1, maxHeads),
		VocabSize:        f.int("vocab_size", 32000, 1, maxVocab),
		MaxPositions:     f.int("max_position_embeddings", 2048, 1, maxPositions),
		RMSNormEps:       f.float("rms_norm_eps", 1e-6, 0, 1),
		TieEmbeddings:    f.bool("tie_word_embeddings", false),
		BOS:              -1,
	}
	f.only("hidden_act", "silu", "silu", "swish")
	f.onlyFalse("attention_bias")
	f.onlyFalse("mlp_bias")
	f.onlyNull("quantization_config")
	f.checkHeads(&c)
	f.checkRope(&c)
	f.checkTokens(&c)
	return c, f.err
}

func (f *fields) checkFamily() {
	architectures := f.strings("architectures")
	modelType := f.string("model_type", "")
	switch {
	case len(architectures) > 0 && architectures[0] != "LlamaForCausalLM":
		f.fail(fault.Unsupported, "architectures", "is %s", fault.Quote(architectures[0])).
			WithRemedy("use a model of the Llama family (LlamaForCausalLM)")
	case modelType != "" && modelType != "llama":
		f.fail(fault.Unsupported, "model_type", "is %s", fault.Quote(modelType)).
			WithRemedy("use a model of the Llama family (llama)")
	case len(architectures) == 0 && modelType == "":
		f.fail(fault.Missing, "model_type", "is not there, so the kind of model is unknown").
			WithRemedy(`add "model_type": "llama" if it is one`)
	}
}

func (f *fields) checkHeads(c *Config) {
	c.KVHeads = f.int("num_key_value_heads", c.Heads, 1, maxHeads)
	if f.err != nil {
		return
	}
	if c.Heads%c.KVHeads != 0 {
		f.fail(fault.Mismatch, "num_key_value_heads", "%d does not divide num_attention_heads %d", c.KVHeads, c.Heads)
		return
	}
	if f.null("head_dim") {
		if c.HiddenSize%c.Heads != 0 {
			f.fail(fault.Mismatch, "num_attention_heads", "%d does not divide hidden_size %d, and there is no head_dim", c.Heads, c.HiddenSize)
			return
		}
		c.HeadDim = c.HiddenSize / c.Heads
	} else {
		c.HeadDim = f.int("head_dim", 0, 1, maxHeadDim)
	}
	switch {
	case f.err != nil:
	case c.HeadDim > maxHeadDim:
		f.fail(fault.TooLarge, "hidden_size", "gives a head width of %d", c.HeadDim).WithLimit("%d", maxHeadDim)
	case c.HeadDim%2 != 0:
		f.fail(fault.Unsupported, "head_dim", "%d is odd; rotary embeddings turn pairs", c.HeadDim)
	case c.Heads*c.HeadDim > maxHeadsWidth:
		f.fail(fault.TooLarge, "num_attention_heads", "%d heads of width %d", c.Heads, c.HeadDim).WithLimit("%d in all", maxHeadsWidth)
	}
}

// checkRope reads rope_theta and rope_scaling, or the rope_parameters that transformers 5 writes in their place.
func (f *fields) checkRope(c *Config) {
	const theta = 10000.0
	c.RopeTheta = f.float("rope_theta", theta, 0, 1e12)
	params, ok := f.object("rope_parameters")
	if ok {
		c.RopeTheta = params.float("rope_theta", c.RopeTheta, 0, 1e12)
		params.only("rope_type", "default", "default")
		if r := params.float("partial_rotary_factor", 1, 0, 1); r != 1 && params.err == nil {
			params.fail(fault.Unsupported, "partial_rotary_factor", "is %v", r).WithRemedy("use a model that rotates whole heads")
		}
		f.adopt(params)
	}
	f.onlyNull("rope_scaling")
	if f.err == nil && !(c.RopeTheta >= 1) {
		f.fail(fault.OutOfRange, "rope_theta", "is %v", c.RopeTheta).WithLimit("at least 1")
	}
	if f.err == nil && !(c.RMSNormEps > 0) {
		f.fail(fault.OutOfRange, "rms_norm_eps", "is %v", c.RMSNormEps).WithLimit("above 0")
	}
}

func (f *fields) checkTokens(c *Config) {
	id := func(key string, n int) int32 {
		if f.err == nil && (n < 0 || n >= c.VocabSize) {
			f.fail(fault.OutOfRange, key, "%d is no token id", n).WithLimit("0 to vocab_size-1 = %d", c.VocabSize-1)
		}
		return int32(n)
	}
	// A default id need not exist in a small vocabulary: the defaults are those of the original 32000-token Llama.
	if f.absent("bos_token_id") {
		if c.VocabSize > 1 {
			c.BOS = 1
		}
	} else if !f.null("bos_token_id") {
		c.BOS = id("bos_token_id", f.int("bos_token_id", 0, -maxVocab, maxVocab))
	}
	if f.absent("eos_token_id") {
		if c.VocabSize > 2 {
			c.EOS = []int32{2}
		}
		return
	}
	for _, n := range f.intOrList("eos_token_id", maxEOS) {
		c.EOS = append(c.EOS, id("eos_token_id", n))
	}
}
