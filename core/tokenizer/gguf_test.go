package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
	g "nextquill/core/weights/gguf/gguftest"
)

// plainFile is the part of a golden tokenizer.json that a GGUF file keeps.
type plainFile struct {
	Model struct {
		Vocab  map[string]int32
		Merges json.RawMessage
	}
}

// ggufOf returns a golden tokenizer as metadata, with a pipeline name.
func ggufOf(t *testing.T, name, pre string) []g.Entry {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + "/tokenizer.json")
	require.NoError(t, err)
	var file plainFile
	require.NoError(t, json.Unmarshal(data, &file))
	var merges []string
	if json.Unmarshal(file.Model.Merges, &merges) != nil {
		var pairs [][2]string
		require.NoError(t, json.Unmarshal(file.Model.Merges, &pairs))
		merges = nil // drop what Unmarshal left there
		for _, p := range pairs {
			merges = append(merges, p[0]+" "+p[1])
		}
	}
	tok := golden(t, name)
	tokens, types := make([]string, tok.VocabSize()), make([]int32, tok.VocabSize())
	for id := range tokens {
		tokens[id], types[id] = tok.Token(int32(id)), 1
	}
	for _, a := range tok.Added() {
		types[a.ID] = 4
		if a.Special {
			types[a.ID] = 3
		}
	}
	return []g.Entry{{Key: "tokenizer.ggml.model", Value: "gpt2"}, {Key: "tokenizer.ggml.pre", Value: pre},
		{Key: "tokenizer.ggml.tokens", Value: tokens}, {Key: "tokenizer.ggml.token_type", Value: types},
		{Key: "tokenizer.ggml.merges", Value: merges}}
}

func loadEntries(t *testing.T, entries []g.Entry) (*Tokenizer, error) {
	t.Helper()
	data := []byte(g.File{Metadata: entries}.Encode())
	return LoadModel(t.Context(), blob.NewMem(map[string][]byte{"m/model.gguf": data}), "m")
}

// TestGGUFMatchesTokenizerJSON compares the tokenizer of GGUF metadata with that of the
// corresponding tokenizer.json.
func TestGGUFMatchesTokenizerJSON(t *testing.T) {
	const level = `{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`
	split := func(pattern string) string {
		quoted, _ := json.Marshal(pattern)
		return `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(quoted) +
			`},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}`
	}
	for pre, c := range map[string]struct{ normalizer, pre, ignoreMerges string }{
		"gpt-2": {"null", level, "false"},
		"smollm": {"null", `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},` +
			level + `]}`, "false"},
		"qwen2":     {`{"type":"NFC"}`, split(patternQwen), "false"},
		"llama-bpe": {"null", split(patternLlama3), "true"},
	} {
		for _, name := range []string{"gpt2", "qwen", "llama3"} {
			t.Run(pre+" "+name, func(t *testing.T) {
				got, err := loadEntries(t, ggufOf(t, name, pre))
				require.NoError(t, err)
				var file map[string]json.RawMessage
				data, err := os.ReadFile("testdata/" + name + "/tokenizer.json")
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(data, &file))
				var model map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(file["model"], &model))
				model["ignore_merges"] = json.RawMessage(c.ignoreMerges)
				file["model"], err = json.Marshal(model)
				require.NoError(t, err)
				file["normalizer"], file["pre_tokenizer"] = json.RawMessage(c.normalizer), json.RawMessage(c.pre)
				data, err = json.Marshal(file)
				require.NoError(t, err)
				want, err := Parse("tokenizer.json", data)
				require.NoError(t, err)
				for _, text := range goldenCases(t, name) {
					require.Equal(t, want.Encode(text.Text), got.Encode(text.Text), "%q", text.Text)
				}
				for id := range int32(want.VocabSize()) {
					require.Equal(t, want.tokens[id], got.tokens[id])
				}
				const template = "<|endoftext|>a<|im_start|>b"
				require.Equal(t, want.EncodeWithSpecials(template), got.EncodeWithSpecials(template))
			})
		}
	}
}

// TestJSONOfGGUF writes the tokenizer.json of GGUF metadata and reads it back: the ids are the
// same.
func TestJSONOfGGUF(t *testing.T) {
	open := func(entries []g.Entry) *gguf.File {
		f, err := gguf.Open(t.Context(),
			blob.NewMem(map[string][]byte{"m.gguf": []byte(g.File{Metadata: entries}.Encode())}), "m.gguf")
		require.NoError(t, err)
		return f
	}
	for pre := range ggufPipelines {
		require.Contains(t, pipelineJSON, pre)
		for _, name := range []string{"gpt2", "qwen", "llama3"} {
			t.Run(pre+" "+name, func(t *testing.T) {
				f := open(append(ggufOf(t, name, pre), g.Entry{Key: ggufAddBOS, Value: true},
					g.Entry{Key: ggufBOS, Value: uint32(3)}))
				want, err := FromGGUF(f)
				require.NoError(t, err)
				data, err := JSONOfGGUF(f)
				require.NoError(t, err)
				got, err := Parse("tokenizer.json", data)
				require.NoError(t, err)
				require.Equal(t, want.VocabSize(), got.VocabSize())
				require.Equal(t, want.Added(), got.Added())
				for _, text := range goldenCases(t, name) {
					require.Equal(t, want.Encode(text.Text), got.Encode(text.Text), "%q", text.Text)
				}
				const template = "<|endoftext|>a<|im_start|>b"
				require.Equal(t, want.EncodeWithSpecials(template), got.EncodeWithSpecials(template))
				require.Contains(t, string(data), `"TemplateProcessing"`)
			})
		}
	}
	f := open(append(ggufOf(t, "gpt2", "gpt-2"), g.Entry{Key: "tokenizer.chat_template", Value: "{{ x }}"},
		g.Entry{Key: "tokenizer.ggml.eos_token_id", Value: uint32(0)}))
	config, err := ConfigJSONOfGGUF(f)
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, json.Unmarshal(config, &c))
	require.Equal(t, "{{ x }}", c["chat_template"])
	require.NotEmpty(t, c["eos_token"])
	_, err = JSONOfGGUF(open([]g.Entry{{Key: "tokenizer.ggml.model", Value: "llama"}}))
	require.ErrorIs(t, err, fault.Unsupported)
	_, err = JSONOfGGUF(open([]g.Entry{{Key: "tokenizer.ggml.model", Value: "gpt2"},
		{Key: "tokenizer.ggml.pre", Value: "gpt-2"}}))
	require.ErrorIs(t, err, fault.Missing)
}

// TestUnsupportedGGUFTokenizers checks the faults for unsupported metadata.
func TestUnsupportedGGUFTokenizers(t *testing.T) {
	good := []g.Entry{{Key: "tokenizer.ggml.model", Value: "gpt2"}, {Key: "tokenizer.ggml.pre", Value: "gpt-2"},
		{Key: "tokenizer.ggml.tokens", Value: []string{"a", "b", "ab", "<end>"}},
		{Key: "tokenizer.ggml.token_type", Value: []int32{1, 1, 1, 3}},
		{Key: "tokenizer.ggml.merges", Value: []string{"a b"}}}
	tok, err := loadEntries(t, good)
	require.NoError(t, err)
	require.Equal(t, []int32{2, 1}, tok.Encode("abb"))
	require.Equal(t, []int32{3, 0}, tok.EncodeWithSpecials("<end>a"))
	require.True(t, tok.IsSpecial(3))
	for _, c := range []struct {
		key     string
		value   any // nil removes the entry
		kind    fault.Kind
		message string
	}{
		{"model", "bert", fault.Unsupported, `metadata "tokenizer.ggml.model": is "bert"; use a byte-level BPE model`},
		{"model", nil, fault.Missing, "tokenizer.ggml.model"},
		{"pre", "tekken", fault.Unsupported,
			`metadata "tokenizer.ggml.pre": is "tekken"; use a byte-level BPE model, where it is one of [gpt-2`},
		{"pre", nil, fault.Missing, "tokenizer.json next to it"},
		{"tokens", []int32{1}, fault.Missing, "is not a list of tokens"},
		{"tokens", []string{}, fault.Missing, "is not a list of tokens"},
		{"tokens", []string{"a", "b", "ab"}, fault.Mismatch, "has 4 entries, but there are 3 tokens"},
		{"tokens", []string{"a", "b", "ab", ""}, fault.Malformed, `tokenizer.ggml.tokens"[3] "": is empty`},
		{"tokens", []string{"a", "b", "ab", "a"}, fault.Malformed, `[3] "a": is also token 0`},
		{"token_type", nil, fault.Missing, "tokenizer.ggml.token_type"},
		{"token_type", []string{"1"}, fault.Missing, "is not a list of integers"},
		{"merges", nil, fault.Missing, "is not a list of merges"},
		{"merges", []string{"ab"}, fault.Malformed, `metadata "tokenizer.ggml.merges"[0]: "ab" is not two tokens`},
		{"merges", []string{"a  b"}, fault.Malformed, "not two tokens"},
		{"merges", []string{"a c"}, fault.Mismatch, `metadata "tokenizer.ggml.merges"[0]: joins "c"`},
		{"merges", []string{"b a"}, fault.Mismatch, `makes "ba"`},
		{"add_space_prefix", true, fault.Unsupported, "add_space_prefix"},
	} {
		key := "tokenizer.ggml." + c.key
		entries := slices.DeleteFunc(slices.Clone(good), func(e g.Entry) bool { return e.Key == key })
		if c.value != nil {
			entries = append(entries, g.Entry{Key: key, Value: c.value})
		}
		_, err := loadEntries(t, entries)
		require.ErrorContains(t, err, c.message, "%v", c)
		require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "m/model.gguf: ")
	}
	_, err = LoadModel(t.Context(), &blob.Mem{}, "m")
	require.ErrorIs(t, err, &fault.Error{Kind: fault.Missing, Where: "m", Field: "tokenizer.json"})
}
