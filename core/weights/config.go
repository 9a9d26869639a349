package weights

import (
	"context"
	"errors"
	"slices"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ConfigName is the name of the model config in a Hugging Face folder.
const ConfigName = "config.json"

const maxConfig = 1 << 20

// Config describes a decoder of the Llama family, as config.json does. Llama, Mistral, Qwen2 (2.5)
// and Qwen3 differ in the fields RopeScaling to QKNorm.
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
	RopeScaling      RopeScaling
	RopeDivisors     []float32 `json:",omitempty"` // [HeadDim/2] divisors of the frequencies from a GGUF file, or nil
	QKVBias          bool      // q_proj, k_proj and v_proj have a bias: always in Qwen2, else attention_bias
	OutputBias       bool      // o_proj has a bias: attention_bias
	QKNorm           bool      // RMSNorm on each head of q and k before the rotary embedding: Qwen3
	TieEmbeddings    bool      // tie_word_embeddings: the output head shares the embedding table
	BOS              int32     // bos_token_id, or -1
	EOS              []int32   // eos_token_id: none, one or several
}

// Limits on a config. They keep every product of two sizes far below 2⁶³, and are far above any
// model that fits on supported devices.
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

// ReadConfig reads and checks dir/config.json. Absent fields get the defaults of transformers.
func ReadConfig(ctx context.Context, store blob.Store, dir string) (Config, error) {
	name := blob.Join(dir, ConfigName)
	data, err := blob.ReadAll(ctx, store, name, maxConfig)
	if err != nil {
		return Config{}, err
	}
	return ParseConfig(name, data)
}

// ParseConfig reads and checks a config; name appears in error messages.
func ParseConfig(name string, data []byte) (Config, error) {
	f, err := readFields(name, data)
	if err != nil {
		return Config{}, err
	}
	a := f.family()
	c := Config{
		HiddenSize:       f.int("hidden_size", a.hidden, 1, maxHidden),
		IntermediateSize: f.int("intermediate_size", a.intermediate, 1, maxIntermediate),
		Layers:           f.int("num_hidden_layers", a.layers, 1, maxLayers),
		Heads:            f.int("num_attention_heads", a.heads, 1, maxHeads),
		VocabSize:        f.int("vocab_size", a.vocab, 1, maxVocab),
		MaxPositions:     f.int("max_position_embeddings", a.positions, 1, maxPositions),
		RMSNormEps:       f.float("rms_norm_eps", 1e-6, 0, 1),
		TieEmbeddings:    f.bool("tie_word_embeddings", false),
		QKVBias:          a.qkvBias,
		QKNorm:           a.qkNorm,
		BOS:              -1,
	}
	if a.attentionBias {
		c.OutputBias = f.bool("attention_bias", false)
		c.QKVBias = c.OutputBias
	}
	f.requireOneOf("hidden_act", "silu", "silu", "swish")
	f.requireFalse("mlp_bias")
	f.requireNull("quantization_config")
	f.checkHeads(a, &c)
	f.checkRope(&c)
	f.checkWindow(a, &c)
	if f.err == nil && !(c.RMSNormEps > 0) {
		f.fail(fault.OutOfRange, "rms_norm_eps", "is %v", c.RMSNormEps).WithLimit("above 0")
	}
	f.checkTokens(a, &c)
	return c, f.err
}

func (f *fields) checkHeads(a family, c *Config) {
	kvHeads := c.Heads
	if f.absent("num_key_value_heads") && a.kvHeads != 0 { // null means num_attention_heads in every family
		kvHeads = a.kvHeads
	}
	c.KVHeads = f.int("num_key_value_heads", kvHeads, 1, maxHeads)
	if f.err != nil {
		return
	}
	if c.Heads%c.KVHeads != 0 {
		f.fail(fault.Mismatch, "num_key_value_heads", "%d does not divide num_attention_heads %d", c.KVHeads, c.Heads)
		return
	}
	if f.null("head_dim") && a.headDim == 0 {
		if c.HiddenSize%c.Heads != 0 {
			f.fail(fault.Mismatch, "num_attention_heads", "%d does not divide hidden_size %d, and head_dim is missing",
				c.Heads, c.HiddenSize)
			return
		}
		c.HeadDim = c.HiddenSize / c.Heads
	} else {
		c.HeadDim = f.int("head_dim", a.headDim, 1, maxHeadDim)
	}
	switch {
	case f.err != nil:
	case c.HeadDim > maxHeadDim:
		f.fail(fault.TooLarge, "hidden_size", "gives a head width of %d", c.HeadDim).WithLimit("%d", maxHeadDim)
	case c.HeadDim%2 != 0:
		f.fail(fault.Unsupported, "head_dim", "%d is odd; rotary embeddings rotate pairs", c.HeadDim)
	case c.Heads*c.HeadDim > maxHeadsWidth:
		f.fail(fault.TooLarge, "num_attention_heads", "%d heads of width %d", c.Heads, c.HeadDim).
			WithLimit("%d in total", maxHeadsWidth)
	}
}

func (f *fields) checkTokens(a family, c *Config) {
	id := func(key string, n int) int32 {
		if f.err == nil && (n < 0 || n >= c.VocabSize) {
			f.fail(fault.OutOfRange, key, "%d is not a token id", n).WithLimit("0 to vocab_size-1 = %d", c.VocabSize-1)
		}
		return int32(n)
	}
	// The defaults are the ids of the family's first models, so a small vocabulary may not contain
	// them.
	if f.absent("bos_token_id") {
		if a.bos < c.VocabSize {
			c.BOS = int32(a.bos)
		}
	} else if !f.null("bos_token_id") {
		c.BOS = id("bos_token_id", f.int("bos_token_id", 0, -maxVocab, maxVocab))
	}
	if f.absent("eos_token_id") {
		if a.eos >= 0 && a.eos < c.VocabSize {
			c.EOS = []int32{int32(a.eos)}
		}
		return
	}
	for _, n := range f.intOrList("eos_token_id", maxEOS) {
		c.EOS = append(c.EOS, id("eos_token_id", n))
	}
}

// GenerationName is the file of a Hugging Face folder with the default sampling parameters. It can
// list more end tokens than config.json: chat models end a turn and a document with different
// tokens.
const GenerationName = "generation_config.json"

// ReadEOS returns the token ids that end a text: those of the config, then those that
// GenerationName adds.
func ReadEOS(ctx context.Context, store blob.Store, path string, c Config) ([]int32, error) {
	ends := slices.Clone(c.EOS)
	if gguf.Is(path) {
		return ends, nil
	}
	name := blob.Join(path, GenerationName)
	data, err := blob.ReadAll(ctx, store, name, maxConfig)
	if errors.Is(err, blob.ErrNotExist) {
		return ends, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := readFields(name, data)
	if err != nil {
		return nil, err
	}
	for _, id := range f.intOrList("eos_token_id", maxEOS) {
		if id < 0 || id >= c.VocabSize {
			f.fail(fault.OutOfRange, "eos_token_id", "%d is not a token id", id).
				WithLimit("0 to vocab_size-1 = %d", c.VocabSize-1)
			break
		}
		if !slices.Contains(ends, int32(id)) {
			ends = append(ends, int32(id))
		}
	}
	return ends, f.err
}
