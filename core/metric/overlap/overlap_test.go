package overlap_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/metric/overlap"
)

//go:embed testdata/golden.json
var goldenFile []byte

type golden struct {
	CorpusBLEU float64           `json:"corpus_bleu"`
	Stems      map[string]string `json:"stems"`
	Cases      []struct {
		Hypothesis, Reference string
		ROUGE                 [3][3]float64
		BLEU, METEOR          float64
	}
}

func readGolden(t *testing.T) golden {
	var g golden
	require.NoError(t, json.Unmarshal(goldenFile, &g))
	require.Greater(t, len(g.Cases), 200)
	require.Greater(t, len(g.Stems), 500)
	return g
}

// TestScoresMatchPython compares with rouge-score, sacrebleu and nltk.
func TestScoresMatchPython(t *testing.T) {
	var corpus overlap.BLEU
	g := readGolden(t)
	for _, c := range g.Cases {
		at := fmt.Sprintf("%q against %q", c.Hypothesis, c.Reference)
		r := overlap.NewROUGE(c.Hypothesis, c.Reference)
		for i, score := range []overlap.Score{r.One, r.Two, r.L} {
			require.InDelta(t, c.ROUGE[i][0], score.Precision, 1e-9, at)
			require.InDelta(t, c.ROUGE[i][1], score.Recall, 1e-9, at)
			require.InDelta(t, c.ROUGE[i][2], score.F1, 1e-9, at)
		}
		b := overlap.NewBLEU(c.Hypothesis, c.Reference)
		require.InDelta(t, c.BLEU, b.Sentence(), 1e-9, at)
		require.InDelta(t, c.METEOR, overlap.METEOR(c.Hypothesis, c.Reference), 1e-9, at)
		corpus.Add(b)
	}
	require.InDelta(t, g.CorpusBLEU, corpus.Corpus(), 1e-9)
}

func TestStemsMatchNLTK(t *testing.T) {
	for word, stem := range readGolden(t).Stems {
		require.Equal(t, stem, overlap.PorterStem(word), word)
	}
}

// FuzzScores checks that no text panics and that scores stay in their range.
func FuzzScores(f *testing.F) {
	f.Add("the cat", "a cat.")
	f.Add("", "\xff\x00")
	f.Add("yyyyyyyy logi eed", "ing ed ies")
	f.Fuzz(func(t *testing.T, hypothesis, reference string) {
		r := overlap.NewROUGE(hypothesis, reference)
		b := overlap.NewBLEU(hypothesis, reference).Sentence()
		m := overlap.METEOR(hypothesis, reference)
		for _, v := range []float64{r.One.F1, r.Two.F1, r.L.F1, b / 100, m} {
			require.True(t, v >= 0 && v <= 1+1e-9, v)
		}
	})
}

func ExampleNewROUGE() {
	r := overlap.NewROUGE("The cat sat on the mat.", "A cat sat on a mat.")
	fmt.Printf("ROUGE-1 %.2f  ROUGE-2 %.2f  ROUGE-L %.2f\n", r.One.F1, r.Two.F1, r.L.F1)
	// Output: ROUGE-1 0.67  ROUGE-2 0.40  ROUGE-L 0.67
}
