package weights

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
)

// TestOwnHeadBesideTheTiedFlag: config.json says that the head is tied, and the file has one. A
// head that differs is used, as in transformers; one that is equal is redundant.
func TestOwnHeadBesideTheTiedFlag(t *testing.T) {
	ctx := t.Context()
	golden := blob.FromFS(os.DirFS("testdata"))
	f, err := OpenDir(ctx, golden, "f16_untied")
	require.NoError(t, err)
	config, err := blob.ReadAll(ctx, golden, "f16_untied/config.json", 1<<20)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(config, &fields))
	fields["tie_word_embeddings"] = true
	config, err = json.Marshal(fields)
	require.NoError(t, err)

	embed, err := f.ReadF32(ctx, EmbedName)
	require.NoError(t, err)
	last := slices.Clone(embed)
	last[len(last)-1] += 1
	noise := make([]float32, len(embed))
	for i := range noise {
		noise[i] = rand.New(rand.NewPCG(1, uint64(i))).Float32()
	}
	info, _ := f.Tensor(EmbedName)
	for name, c := range map[string]struct {
		head  []float32
		shape []int
		tied  bool
		fails string
	}{
		"equal":         {embed, info.Shape, true, ""},
		"none":          {nil, nil, true, ""},
		"another":       {noise, info.Shape, false, ""},
		"one value":     {last, info.Shape, false, ""},
		"another shape": {embed[:info.Shape[1]], []int{1, info.Shape[1]}, false, `tensor "lm_head.weight": has shape`},
	} {
		t.Run(name, func(t *testing.T) {
			var tensors []Tensor
			for _, i := range f.Tensors() {
				if i.Name == HeadName {
					continue
				}
				values, err := f.ReadF32(ctx, i.Name)
				require.NoError(t, err)
				tensors = append(tensors, Tensor{i.Name, i.Shape, values})
			}
			if c.head != nil {
				tensors = append(tensors, Tensor{HeadName, c.shape, c.head})
			}
			store := blob.NewMem(map[string][]byte{"m/config.json": config})
			require.NoError(t, Write(ctx, store, "m/"+SingleName, tensors, nil))
			s, err := OpenModel(ctx, store, "m")
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.tied, s.Config.TieEmbeddings)
			written, err := ConfigWithDType("config.json", config, s.Config, "")
			require.NoError(t, err)
			again, err := ParseConfig("config.json", written)
			require.NoError(t, err)
			require.Equal(t, c.tied, again.TieEmbeddings, "a copy of the config says it")
		})
	}
}
