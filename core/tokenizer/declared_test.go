package tokenizer

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
	g "nextquill/core/weights/gguf/gguftest"
)

// patched is gpt2/tokenizer.json with some fields replaced, as in testdata/declared.py.
func patched(t *testing.T, patch map[string]json.RawMessage) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/gpt2/tokenizer.json")
	require.NoError(t, err)
	var file, model, vocab, changes map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &file))
	require.NoError(t, json.Unmarshal(file["model"], &model))
	merge := func(into map[string]json.RawMessage, raw json.RawMessage) {
		changes = nil
		if raw != nil {
			require.NoError(t, json.Unmarshal(raw, &changes))
		}
		maps.Copy(into, changes)
	}
	require.NoError(t, json.Unmarshal(model["vocab"], &vocab))
	merge(model, patch["model"])
	merge(vocab, patch["vocab"])
	if patch["version_line"] != nil {
		var lines []string
		require.NoError(t, json.Unmarshal(model["merges"], &lines))
		model["merges"], err = json.Marshal(append([]string{"#version: 0.2"}, lines...))
		require.NoError(t, err)
	}
	if post, ok := patch["post_processor"]; ok {
		file["post_processor"] = post
	}
	model["vocab"], err = json.Marshal(vocab)
	require.NoError(t, err)
	file["model"], err = json.Marshal(model)
	require.NoError(t, err)
	data, err = json.Marshal(file)
	require.NoError(t, err)
	return data
}

// folder is a model folder with a tokenizer.json and the files beside it.
func folder(tokenizer []byte, files map[string]json.RawMessage) blob.Store {
	blobs := map[string][]byte{"m/tokenizer.json": tokenizer}
	for name, raw := range files {
		blobs["m/"+name] = raw
	}
	return blob.NewMem(blobs)
}

// TestDeclaredTokensMatchTransformers compares the tokens that files beside tokenizer.json declare,
// and the tokens before a text, with AutoTokenizer.
func TestDeclaredTokensMatchTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/declared.json")
	require.NoError(t, err)
	var all []struct {
		Name  string                     `json:"name"`
		Files map[string]json.RawMessage `json:"files"`
		Patch map[string]json.RawMessage `json:"patch"`
		Cases []struct {
			Text         string  `json:"text"`
			IDs          []int32 `json:"ids"`
			WithSpecials []int32 `json:"with_specials"`
		} `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(data, &all))
	require.Greater(t, len(all), 15)
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			tok, err := LoadModel(t.Context(), folder(patched(t, c.Patch), c.Files), "m")
			require.NoError(t, err)
			for _, text := range c.Cases {
				ids := tok.EncodeWithSpecials(text.Text)
				require.Equal(t, text.IDs, ids, "%q", text.Text)
				require.Equal(t, text.WithSpecials, append(tok.Begin(1), ids...), "%q", text.Text)
			}
		})
	}
}

// TestAddBOS: add_bos_token takes precedence over the post-processor, as in llama.cpp's converter.
func TestAddBOS(t *testing.T) {
	post := map[string]json.RawMessage{"post_processor": json.RawMessage(`{"type":"TemplateProcessing",
		"single":[{"SpecialToken":{"id":"<|endoftext|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
		"pair":[],"special_tokens":{"<|endoftext|>":{"id":"<|endoftext|>","ids":[0],"tokens":["<|endoftext|>"]}}}`)}
	for _, c := range []struct {
		patch  map[string]json.RawMessage
		config string
		want   []int32
	}{
		{post, `{}`, []int32{0}},
		{post, `{"add_bos_token":null}`, []int32{0}},
		{post, `{"add_bos_token":true}`, []int32{0}},
		{post, `{"add_bos_token":false,"bos_token":"<|im_start|>"}`, nil},
		{nil, `{"bos_token":"<|im_start|>"}`, nil},
		{nil, `{"add_bos_token":true,"bos_token":"<|im_start|>"}`, []int32{600}},
		{nil, `{"add_bos_token":true}`, []int32{7}}, // that of config.json
	} {
		files := map[string]json.RawMessage{ConfigName: json.RawMessage(c.config)}
		tok, err := LoadModel(t.Context(), folder(patched(t, c.patch), files), "m")
		require.NoError(t, err)
		require.Equal(t, c.want, tok.Begin(7), c.config)
	}
}

// TestDeclaredTokensWeRefuse: files that contradict each other are refused with the token's name.
func TestDeclaredTokensWeRefuse(t *testing.T) {
	gap := map[string]json.RawMessage{"vocab": json.RawMessage(`{"zqzq":609}`)}
	far := map[string]json.RawMessage{"vocab": json.RawMessage(`{"zqzq":900000}`)}
	for _, c := range []struct {
		patch  map[string]json.RawMessage
		config string
		says   string
	}{
		{nil, `{"added_tokens_decoder":{"700":{"content":"<|turn|>"}}}`,
			`token "<|turn|>": is declared with the id 700, but tokenizer.json gives it 602`},
		{nil, `{"added_tokens_decoder":{"5":{"content":"<|im_end|>"}}}`,
			`token "<|im_end|>": is declared with the id 5, but tokenizer.json gives it 601`},
		{nil, `{"added_tokens_decoder":{"x":{"content":"<|turn|>"}}}`,
			`added_tokens_decoder["x"]: has an unexpected type`},
		{nil, `{"added_tokens_decoder":{"602":{}}}`, `added_tokens_decoder["602"]: has an unexpected type`},
		{nil, `{"added_tokens_decoder":[]}`, "added_tokens_decoder: has an unexpected type"},
		{nil, `{"additional_special_tokens":[""]}`, "is empty"},
		{nil, `{"additional_special_tokens":7}`, "additional_special_tokens: has an unexpected type"},
		{nil, `{"add_bos_token":"yes"}`, "add_bos_token: has an unexpected type"},
		{nil, `[`, "is not a JSON object"},
		{gap, `{"additional_special_tokens":["<|turn|>"]}`, "whose ids have gaps"},
		{far, `{}`, "ids up to 900000 (limit 100000 ids without a token)"},
	} {
		files := map[string]json.RawMessage{ConfigName: json.RawMessage(c.config)}
		_, err := LoadModel(t.Context(), folder(patched(t, c.patch), files), "m")
		require.ErrorContains(t, err, c.says)
		require.NotEmpty(t, fault.KindOf(err), "%v", err)
	}
}

// TestOlderTokenizerFiles: a folder without tokenizer.json is refused with what makes one.
func TestOlderTokenizerFiles(t *testing.T) {
	for file, says := range map[string]string{
		"tokenizer.model": "convert tokenizer.model to it with transformers", "vocab.json": "convert vocab.json",
		"README.md": "download the model's tokenizer.json",
	} {
		_, err := LoadModel(t.Context(), blob.NewMem(map[string][]byte{"m/" + file: {}}), "m")
		require.ErrorIs(t, err, blob.ErrNotExist)
		require.ErrorContains(t, err, "m: tokenizer.json: is missing")
		require.ErrorContains(t, err, says)
	}
}

// TestAddBOSOfGGUF: a GGUF file that does not say it has llama.cpp's default.
func TestAddBOSOfGGUF(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		model, pre string
		set        *bool
		want       bool
	}{
		{"gpt2", "smollm", &no, false}, {"gpt2", "smollm", &yes, true}, {"gpt2", "qwen2", nil, false},
		{"gpt2", "llama-bpe", nil, true}, {"gpt2", "llama-bpe", &no, false},
		{"llama", "", nil, true}, {"llama", "", &no, false},
	} {
		entries := []g.Entry{{Key: ggufModel, Value: c.model}, {Key: ggufPre, Value: c.pre}}
		if c.set != nil {
			entries = append(entries, g.Entry{Key: ggufAddBOS, Value: *c.set})
		}
		store := blob.NewMem(map[string][]byte{"m.gguf": []byte(g.File{Metadata: entries}.Encode())})
		f, err := gguf.Open(t.Context(), store, "m.gguf")
		require.NoError(t, err)
		require.Equal(t, c.want, ggufAddsBOS(f), "%+v", c)
	}
}
