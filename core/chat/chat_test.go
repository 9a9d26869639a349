package chat

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	g "nextquill/core/weights/gguf/gguftest"
)

// families maps the folders of testdata to the tokenizers of their ids.
var families = map[string]string{
	"smollm2": "testdata/bytes", "qwen2.5": "testdata/bytes", "qwen3": "testdata/bytes",
	"macros": "testdata/bytes", "mistral-nemo": "testdata/bytes",
	"llama3": "testdata/bytes", "llama3.2": "testdata/bytes",
	"mistral": "../tokenizer/testdata/llama2", "zephyr": "../tokenizer/testdata/llama2",
	"llama2": "../tokenizer/testdata/llama2",
}

type goldenCase struct {
	Turns      [][2]string
	Prompt     bool
	NoThinking bool `json:"no_thinking"`
	Text       string
	IDs        []int32
	Fails      bool
}

func (c goldenCase) messages() (out []Message) {
	for _, turn := range c.Turns {
		out = append(out, Message{turn[0], turn[1]})
	}
	return out
}

func load(t testing.TB, family string) (*Template, *tokenizer.Tokenizer, []goldenCase) {
	t.Helper()
	tmpl, err := Load(t.Context(), blob.FromFS(os.DirFS("testdata")), family)
	require.NoError(t, err)
	tok, err := tokenizer.Load(t.Context(), blob.FromFS(os.DirFS(families[family])), "tokenizer.json")
	require.NoError(t, err)
	var cases []goldenCase
	data, err := os.ReadFile("testdata/" + family + "/cases.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Greater(t, len(cases), 30)
	return tmpl, tok, cases
}

func clock() time.Time { return time.Date(2024, 7, 6, 5, 4, 3, 0, time.UTC) }

func TestConversationsMatchTransformers(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			tmpl, tok, cases := load(t, family)
			for _, c := range cases {
				text, err := tmpl.Render(c.messages(), Options{Prompt: c.Prompt, NoThinking: c.NoThinking, Now: clock})
				if c.Fails {
					require.Error(t, err, "%v", c.Turns)
					require.NotEmpty(t, fault.KindOf(err))
					continue
				}
				require.NoError(t, err, "%v", c.Turns)
				require.Equal(t, c.Text, text, "%v", c.Turns)
				if len(c.IDs) == 0 {
					c.IDs = nil
				}
				require.Equal(t, c.IDs, tok.EncodeWithSpecials(text), "%v", c.Turns)
				// Control tokens in user text are escaped. Without control tokens, escaping changes
				// nothing.
				escaped := c.messages()
				for i := range escaped {
					escaped[i].Content = tok.Escape(escaped[i].Content)
				}
				text, err = tmpl.Render(escaped, Options{Prompt: c.Prompt, NoThinking: c.NoThinking, Now: clock})
				require.NoError(t, err)
				if got := tok.EncodeEscaped(text, true); !spellsTokens(tok, c) {
					require.Equal(t, c.IDs, got, "%v", c.Turns)
				} else {
					require.NotEqual(t, c.IDs, got, "%v", c.Turns)
				}
			}
		})
	}
}

func spellsTokens(tok *tokenizer.Tokenizer, c goldenCase) bool {
	for _, turn := range c.Turns {
		if tok.Escape(turn[1]) != turn[1] {
			return true
		}
	}
	return false
}

// TestFixedDateWithoutClock: without a clock the template uses its built-in date.
func TestFixedDateWithoutClock(t *testing.T) {
	tmpl, _, _ := load(t, "llama3.2")
	text, err := tmpl.Render([]Message{{User, "x"}}, Options{})
	require.NoError(t, err)
	require.Contains(t, text, "Today Date: 26 Jul 2024\n")
}

func TestTemplateSources(t *testing.T) {
	conversation := []Message{{User, "x"}}
	gguf := func(entries ...g.Entry) []byte { return []byte(g.File{Metadata: entries}.Encode()) }
	const chatTemplate = "tokenizer.chat_template"
	for name, c := range map[string]struct {
		files map[string][]byte
		path  string
		want  string // "" for none
	}{
		"config": {files: map[string][]byte{"m/tokenizer_config.json": []byte(`{"bos_token":"<s>",` +
			`"chat_template":"{{ bos_token }}c"}`)}, want: "<s>c"},
		"object": {files: map[string][]byte{"m/tokenizer_config.json": []byte(
			`{"bos_token":{"content":"<b>"},"pad_token":null,"chat_template":"{{ bos_token }}{{ pad_token }}"}`)},
			want: "<b>"},
		"named": {files: map[string][]byte{"m/tokenizer_config.json": []byte(
			`{"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}`)}, want: "d"},
		"file": {files: map[string][]byte{"m/tokenizer_config.json": []byte(`{"eos_token":"e","chat_template":"c"}`),
			"m/chat_template.jinja": []byte("f{{ eos_token }}")}, want: "fe"},
		"file alone": {files: map[string][]byte{"m/chat_template.jinja": []byte("f")}, want: "f"},
		"config's not": {files: map[string][]byte{"m/tokenizer_config.json": []byte(`{}`),
			"m/x.gguf": gguf(g.Entry{Key: chatTemplate, Value: "g"})}, want: "g"},
		"two ggufs": {files: map[string][]byte{"m/tokenizer_config.json": []byte(`{}`), "m/x.gguf": gguf(),
			"m/y.gguf": gguf()}},
		"nothing": {files: map[string][]byte{"m/config.json": []byte(`{}`)}},
		"gguf": {files: map[string][]byte{"m/x.gguf": gguf(g.Entry{Key: chatTemplate,
			Value: "g{{ bos_token }}{{ eos_token }}"},
			g.Entry{Key: "tokenizer.ggml.tokens", Value: []string{"<a>", "<b>"}},
			g.Entry{Key: "tokenizer.ggml.bos_token_id", Value: uint32(1)},
			g.Entry{Key: "tokenizer.ggml.eos_token_id", Value: uint32(7)})}, want: "g<b>"},
		"gguf by name": {files: map[string][]byte{"m/x.gguf": gguf(g.Entry{Key: chatTemplate, Value: "g"})},
			path: "m/x.gguf", want: "g"},
		"gguf without": {files: map[string][]byte{"m/x.gguf": gguf()}},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path
			if path == "" {
				path = "m"
			}
			tmpl, err := Load(t.Context(), blob.NewMem(c.files), path)
			require.NoError(t, err)
			if c.want == "" {
				require.Nil(t, tmpl)
				return
			}
			text, err := tmpl.Render(conversation, Options{})
			require.NoError(t, err)
			require.Equal(t, c.want, text)
		})
	}
}

func TestUnsupported(t *testing.T) {
	for config, message := range map[string]string{
		`{`:                    "m/tokenizer_config.json: has an unexpected type",
		`[]`:                   "has an unexpected type",
		`{"bos_token":1}`:      "m/tokenizer_config.json: bos_token: has an unexpected type",
		`{"bos_token":{}}`:     "bos_token: has an unexpected type",
		`{"chat_template":1}`:  "chat_template: has an unexpected type",
		`{"chat_template":[]}`: "",
		`{"chat_template":"{% include x %}"}`: "m/tokenizer_config.json: chat_template: line 1, " +
			"column 4: the tag include; use the plain template",
	} {
		tmpl, err := Load(t.Context(), blob.NewMem(map[string][]byte{"m/tokenizer_config.json": []byte(config)}), "m")
		if message == "" {
			require.NoError(t, err)
			require.Nil(t, tmpl)
			continue
		}
		require.ErrorContains(t, err, message)
		require.NotEmpty(t, fault.KindOf(err))
	}
	tmpl, err := New("t", "{{ messages }}", nil)
	require.NoError(t, err)
	_, err = tmpl.Render([]Message{{"tool", "x"}}, Options{})
	require.EqualError(t, err, `messages: role: "tool"; use system, user or assistant`)
}
