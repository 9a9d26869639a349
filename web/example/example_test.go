package example_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/samples"
	"nextquill/web/example"
)

func stored(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(example.File)))
	require.NoError(t, err)
	return data
}

// TestStoredExample compares the stored example with the embedded model and the sample texts, from
// which it was made.
func TestStoredExample(t *testing.T) {
	e, err := example.Decode(stored(t))
	require.NoError(t, err)
	weights, err := fs.ReadFile(models.DefaultFS(), "model.gguf")
	require.NoError(t, err)
	sum := sha256.Sum256(weights)
	require.Equal(t, hex.EncodeToString(sum[:]), e.Made.Model, "the model has changed: run %s", example.Command)
	require.Equal(t, example.Command, e.Made.Command)
	d := api.ModuleDefaults()
	require.Equal(t, d.Preset, e.Made.Preset)
	require.InDelta(t, d.Epochs, e.Made.Epochs, 0)
	require.Equal(t, d.Seed, e.Made.Seed)

	training, heldout := texts(t, "history.jsonl"), texts(t, "heldout.jsonl")
	require.Len(t, training, e.Made.Texts)
	require.Len(t, heldout, e.Unseen.Texts)
	var text strings.Builder
	for _, w := range e.Words {
		text.WriteString(w.Text)
	}
	explained := strings.TrimSpace(text.String())
	require.Contains(t, heldout, explained, "the text is one of those that the model has not seen")
	require.NotContains(t, training, explained)
	for _, earlier := range e.Earlier {
		require.Contains(t, append(training, heldout...), earlier)
	}
	require.Greater(t, e.Unseen.Times(), 1.0)
}

func texts(t *testing.T, name string) (all []string) {
	t.Helper()
	data, err := fs.ReadFile(samples.Bierce(), name)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var item struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(line), &item))
		all = append(all, item.Text)
	}
	return all
}

func TestDecodeRefuses(t *testing.T) {
	good := string(stored(t))
	for name, bad := range map[string]string{
		"no JSON":         "no",
		"an unknown key":  strings.Replace(good, `"writer"`, `"author"`, 1),
		"no run":          strings.Replace(good, `"command": "`+example.Command+`"`, `"command": ""`, 1),
		"a probability 2": strings.Replace(good, `"with": 0.`, `"with": 2.`, 1),
	} {
		_, err := example.Decode([]byte(bad))
		require.Equal(t, fault.Malformed, fault.KindOf(err), name)
		require.ErrorContains(t, err, example.Command, name)
	}
	_, err := example.Decode([]byte(good + strings.Repeat(" ", example.MaxBytes)))
	require.Equal(t, fault.TooLarge, fault.KindOf(err))
}

// TestWords joins tokens to words: log-probabilities and influences add up.
func TestWords(t *testing.T) {
	words := example.Words([]api.TokenCause{
		{Text: " un", LogpWith: math.Log(.5), LogpWithout: math.Log(.25), Influence: []float64{math.Log(2)}},
		{Text: "easy", LogpWith: math.Log(.5), LogpWithout: math.Log(.5), Influence: []float64{math.Log(1.5)}},
		{Text: ".", LogpWith: math.Log(.9), LogpWithout: math.Log(.8), Influence: []float64{0}},
		{Text: "⏎", Influence: []float64{0}},
	})
	require.Equal(t, []example.Word{
		{Text: " uneasy", With: .25, Without: .125, Times: []float64{3}},
		{Text: ".", With: .9, Without: .8, Times: []float64{1}},
	}, words)
}

func TestInsert(t *testing.T) {
	e, err := example.Decode(stored(t))
	require.NoError(t, err)
	e.You = `<b>"markup"</b>`
	html, err := example.Insert([]byte("<main><!-- example --></main>"), e)
	require.NoError(t, err)
	text := string(html)
	require.Contains(t, text, "&lt;b&gt;&#34;markup&#34;&lt;/b&gt;", "texts stay text")
	require.Equal(t, len(e.Words), strings.Count(text, " data-f="))
	require.Equal(t, 1, strings.Count(text, ` on"`), "one word is explained at first")
	require.Contains(t, text, example.Command, "it says which run made it")
	_, err = example.Insert([]byte("<main></main>"), e)
	require.Equal(t, fault.Malformed, fault.KindOf(err))
}
