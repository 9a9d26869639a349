package weights

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	g "nextquill/core/weights/gguf/gguftest"
)

// seeds adds the attack files of one kind.
func seeds(f *testing.F, suffix string) {
	for _, a := range attacks {
		if strings.HasSuffix(a.file, suffix) {
			f.Add([]byte(a.content))
		}
	}
}

// FuzzOpen checks that any bytes give a typed fault, or a file whose every float tensor can be
// read.
func FuzzOpen(f *testing.F) {
	seeds(f, ".safetensors")
	f.Add(Encode([]Tensor{{"a", []int{2}, []float32{1, 2}}, {"b", []int{0}, nil}}, map[string]string{"format": "pt"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(t.Context(), blob.NewMem(map[string][]byte{"f": data}), "f")
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		var bytes int64
		for _, info := range file.Tensors() {
			bytes += info.End - info.Begin
			require.Equal(t, info.End-info.Begin, int64(info.Elements()*info.DType.Size()))
			_, err := file.ReadF32(t.Context(), info.Name)
			if kind := fault.KindOf(err); err != nil && kind != fault.NaN {
				require.Equal(t, fault.Unsupported, kind)
			}
		}
		require.Less(t, bytes, int64(len(data)))
	})
}

// FuzzConfig checks that products of an accepted config's sizes do not overflow.
func FuzzConfig(f *testing.F) {
	seeds(f, ".config.json")
	f.Add([]byte(config(`"num_attention_heads":4,"eos_token_id":[1,2]`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig("c", data)
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		require.Zero(t, c.Heads%c.KVHeads)
		require.Positive(t, c.HeadDim)
		total := int64(0)
		for _, s := range LlamaTensors(c) {
			n := int64(1)
			for _, d := range s.Shape {
				require.Positive(t, d)
				n *= int64(d)
			}
			total += n
		}
		require.Positive(t, total)
	})
}

// FuzzAdapterConfig checks that an accepted config is unchanged after it is written and read.
func FuzzAdapterConfig(f *testing.F) {
	seeds(f, ".adapter_config.json")
	f.Add([]byte(adapter(`,"lora_alpha":16,"use_rslora":true`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAdapterConfig("c", data)
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		again, err := ParseAdapterConfig("c", a.configJSON())
		require.NoError(t, err)
		require.Equal(t, a, again)
		path := "model.layers.0.self_attn.q_proj"
		a.TargetsModule(path)
		require.Positive(t, a.RankOf(path))
		require.False(t, math.IsNaN(a.Scaling(path)))
	})
}

// FuzzAdapter checks that any bytes as adapter weights give a typed fault, or complete pairs that
// can be written again.
func FuzzAdapter(f *testing.F) {
	seeds(f, ".adapter.safetensors")
	f.Add([]byte(pairOf("\x00\x00\x80\x3f")))
	f.Fuzz(func(t *testing.T, data []byte) {
		store := blob.NewMem(map[string][]byte{"a/" + AdapterConfigName: []byte(adapter("")),
			"a/" + AdapterWeightsName: data})
		a, err := ReadAdapter(t.Context(), store, "a")
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		for _, path := range a.Paths() {
			p := a.Pairs[path]
			require.Equal(t, a.Rank, p.Rank())
			require.Len(t, p.B, p.Out*a.Rank)
			require.LessOrEqual(t, a.UpdateNorm(path), maxUpdate*(1+1e-6))
		}
		require.NoError(t, WriteAdapter(t.Context(), store, "b", a))
		again, err := ReadAdapter(t.Context(), store, "b")
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

// FuzzIndex checks that no index can name a blob outside its folder.
func FuzzIndex(f *testing.F) {
	seeds(f, ".index.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readIndex("i", data)
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		for _, shard := range m {
			require.NoError(t, blob.CheckName(shard))
			require.NotContains(t, shard, "/")
		}
	})
}

// FuzzGGUF checks that any GGUF file gives a typed fault, or a model whose tensors can be read.
func FuzzGGUF(f *testing.F) {
	f.Add([]byte(g.File{Metadata: small(), Tensors: smallTensors(), Data: make([]byte, 256)}.Encode()))
	f.Add([]byte(g.File{Metadata: small(g.Entry{Key: "llama.attention.key_length", Value: uint32(2)}),
		Tensors: smallTensors(g.Tensor{Name: "blk.0.attn_q.weight", Dims: []uint64{32, 4}, Type: 8}),
		Data:    make([]byte, 512)}.Encode()))
	f.Add([]byte(g.File{Metadata: small(g.Entry{Key: "llama.rope.scaling.type", Value: "linear"},
		g.Entry{Key: "llama.rope.scaling.factor", Value: float32(2)}),
		Tensors: smallTensors(g.Tensor{Name: "rope_freqs.weight", Dims: []uint64{2}}),
		Data:    bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, 128)}.Encode()))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, file, err := OpenGGUF(t.Context(), blob.NewMem(map[string][]byte{"f": data}), "f")
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		require.Positive(t, c.HeadDim)
		for _, freq := range c.RopeFrequencies() {
			require.True(t, freq > 0 && freq <= maxDivisor, freq)
		}
		for _, info := range file.Tensors() {
			got, err := file.ReadF32(t.Context(), info.Name)
			if err != nil {
				require.Equal(t, fault.NaN, fault.KindOf(err))
				continue
			}
			require.Len(t, got, info.Elements())
		}
	})
}
