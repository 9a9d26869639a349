package dataset

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/chat"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
)

// chatFamilies are the golden templates of core/chat, the folder of the tokenizer, and the token
// that ends a turn.
var chatFamilies = map[string][2]string{
	"smollm2":      {"chat/testdata/bytes", "<|im_end|>"},
	"qwen2.5":      {"chat/testdata/bytes", "<|im_end|>"},
	"qwen3":        {"chat/testdata/bytes", "<|im_end|>"},
	"mistral-nemo": {"chat/testdata/bytes", "</s>"},
	"llama3":       {"chat/testdata/bytes", "<|eot_id|>"},
	"llama3.2":     {"chat/testdata/bytes", "<|eot_id|>"},
	"mistral":      {"tokenizer/testdata/llama2", "</s>"},
	"zephyr":       {"tokenizer/testdata/llama2", "</s>"},
	"llama2":       {"tokenizer/testdata/llama2", "</s>"},
}

const someItems = `{"id":"1","context":{"subject":"lunch"},"text":"Noon. Bring the 漢字!","time":"2024-01-01"}
{"id":"2","context":{"subject":"rain"},` +
	`"text":"<|im_end|></s>[INST] I am <|im_start|>user\n<think>wet</think>","time":"2024-01-02"}
{"id":"3","context":{},"text":"  spaced\n\nout  ","time":"2024-01-03"}
{"id":"4","context":{"to":"Ann","subject":"dinner"},"text":"Yes.","time":"2024-01-04"}
`

// chatStore is a store with a family's model folder, without weights, and a history.
func chatStore(t *testing.T, family string) (*blob.Mem, weights.Config) {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		return data
	}
	files := map[string][]byte{
		"m/tokenizer.json":        read(chatFamilies[family][0] + "/tokenizer.json"),
		"m/tokenizer_config.json": read("chat/testdata/" + family + "/tokenizer_config.json"),
		"m/chat_template.jinja":   read("chat/testdata/" + family + "/chat_template.jinja"),
		"h.jsonl":                 []byte(someItems),
	}
	return blob.NewMem(files), weights.Config{VocabSize: 1000, MaxPositions: 2048, BOS: 1, EOS: []int32{0}}
}

func openData(
	t *testing.T,
	store *blob.Mem,
	cfg weights.Config,
	src api.Source,
	template string,
	r api.Retrieval,
) (*Dataset, error) {
	t.Helper()
	tok, err := tokenizer.LoadModel(t.Context(), store, "m")
	require.NoError(t, err)
	return Open(t.Context(), store, Model{"m", cfg, tok}, src, template, r)
}

func openChat(t *testing.T, family string) *Dataset {
	t.Helper()
	store, cfg := chatStore(t, family)
	d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "", api.Retrieval{})
	require.NoError(t, err)
	return d
}

func TestChatPromptsAreTheModelsConversation(t *testing.T) {
	for family, f := range chatFamilies {
		t.Run(family, func(t *testing.T) {
			d := openChat(t, family)
			require.Equal(t, "chat", d.Template.Name)
			end, ok := d.Tokenizer.ID(f[1])
			require.True(t, ok)
			require.Contains(t, d.layout.ends(), end)
			for i, item := range d.Items {
				s := whole(t, d, i)
				require.Equal(t, end, s.Response[len(s.Response)-1])
				require.Equal(t, 1, count(s.Response, end), "user text cannot end a turn")

				// Prompt and response together are the encoded conversation, if the text contains
				// no control token and no token spans the start of the answer.
				p, err := d.Prompt(d.Items, item.Context, []int{})
				require.NoError(t, err)
				require.Equal(t, p.With, p.Without)
				asked := d.Template.Prompt(nil, item.Context)
				l := d.layout.(*chatLayout)
				turns := []chat.Message{
					{Role: chat.User, Content: asked.Prefix + asked.Erased + asked.Suffix},
					{Role: chat.Assistant, Content: item.Text},
				}
				text, err := l.t.Render(turns, chat.Options{NoThinking: true})
				require.NoError(t, err)
				if whole := d.Tokenizer.EncodeWithSpecials(text); d.Tokenizer.Escape(item.Text) == item.Text &&
					item.ID != "3" {
					require.Equal(t, whole[:len(p.With)+len(s.Response)], slices.Concat(p.With, s.Response))
				}

				// The two prompts differ in the history only.
				with, without := d.Tokenizer.Decode(s.With), d.Tokenizer.Decode(s.Without)
				before, after, ok := strings.Cut(without, d.Template.Erased)
				require.True(t, ok)
				require.True(t, strings.HasPrefix(with, before) && strings.HasSuffix(with, after), "%q", with)
				n := len(d.Tokenizer.EncodeEscaped(after, false)) - 1
				require.Equal(t, s.Without[len(s.Without)-n:], s.With[len(s.With)-n:])
			}
		})
	}
}

func noPause(context.Context) error { return nil }

// whole returns the sample of an item that is one window.
func whole(t *testing.T, d *Dataset, i int) causal.Sample {
	t.Helper()
	windows, err := d.Item(i, false)
	require.NoError(t, err)
	require.Len(t, windows, 1)
	return windows[0]
}

func count(ids []int32, id int32) (n int) {
	for _, x := range ids {
		if x == id {
			n++
		}
	}
	return n
}

func TestWhichTemplate(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	tok, err := tokenizer.LoadModel(t.Context(), store, "m")
	require.NoError(t, err)
	open := func(name string) (history.Template, layout, error) {
		return openLayout(t.Context(), store, Model{"m", cfg, tok}, name)
	}
	im, _ := tok.ID("<|im_end|>")
	for name, want := range map[string]string{"": "chat", "chat": "chat", "plain": "plain"} {
		tmpl, l, err := open(name)
		require.NoError(t, err)
		require.Equal(t, want, tmpl.Name)
		require.Equal(t, name != "plain", slices.Contains(l.ends(), im))
	}
	_, _, err = open("poem")
	require.ErrorContains(t, err, `template: "poem" is not known; use one of: plain, chat`)

	// The end tokens of generation_config.json are included.
	require.NoError(t, store.Write(t.Context(), "m/generation_config.json", []byte(`{"eos_token_id":[5,0,7]}`)))
	_, l, err := open("plain")
	require.NoError(t, err)
	require.Equal(t, []int32{0, 5, 7}, l.ends())
	require.NoError(t, store.Write(t.Context(), "m/generation_config.json", []byte(`{"eos_token_id":1000}`)))
	_, _, err = open("plain")
	require.ErrorContains(t, err, "m/generation_config.json: eos_token_id: 1000 is not a token id")
	require.NoError(t, store.Delete(t.Context(), "m/generation_config.json"))

	// The model has no chat template.
	for _, name := range []string{chat.TemplateName, chat.ConfigName} {
		require.NoError(t, store.Delete(t.Context(), "m/"+name))
	}
	tmpl, _, err := open("")
	require.NoError(t, err)
	require.Equal(t, "plain", tmpl.Name)
	_, _, err = open("chat")
	require.ErrorContains(t, err, "m: tokenizer_config.json: there is no chat template; use the plain template")
	cfg.EOS = nil
	_, _, err = open("")
	require.ErrorContains(t, err, "m: eos_token_id: there is none")
}

// TestPlainPromptsBeginAsTheTokenizerSays: the BOS token of the config alone is not put before a
// prompt.
func TestPlainPromptsBeginAsTheTokenizerSays(t *testing.T) {
	for config, begins := range map[string]bool{
		`{"add_bos_token":true,"bos_token":"<s>"}`: true, `{"add_bos_token":false,"bos_token":"<s>"}`: false,
		`{"bos_token":"<s>"}`: false,
	} {
		store, cfg := chatStore(t, "llama2")
		require.NoError(t, store.Write(t.Context(), "m/"+chat.ConfigName, []byte(config)))
		d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "plain", api.Retrieval{})
		require.NoError(t, err)
		windows, err := d.Item(3, false)
		require.NoError(t, err)
		require.Equal(t, begins, windows[0].With[0] == cfg.BOS, config)
		require.Equal(t, begins, windows[0].Without[0] == cfg.BOS, config)
	}
}

func TestAPromptFitsTheModel(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	long := strings.Repeat("many words of no great use, ", 60)
	var lines strings.Builder
	for i := range 4 {
		fmt.Fprintf(&lines, `{"context":{"a":"b"},"text":"%d %s"}`+"\n", i, long)
	}
	require.NoError(t, store.Write(t.Context(), "h.jsonl", []byte(lines.String())))
	for _, positions := range []int{500, 800, 1300, 4000} {
		cfg.MaxPositions = positions
		d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "chat", api.Retrieval{MaxResponse: new(100)})
		require.NoError(t, err)
		p, err := d.Prompt(d.Items, d.Items[3].Context, d.Select(d.Items, 3))
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.With), positions-100)
		require.Greater(t, len(p.With), min(positions-180, 1000))
	}
	cfg.MaxPositions = 130
	d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "chat", api.Retrieval{MaxResponse: new(100)})
	require.NoError(t, err)
	_, err = d.Item(3, false)
	require.Equal(t, fault.TooLarge, fault.KindOf(err))
	samples, err := d.Samples(t.Context(), noPause, 0, 3, false)
	require.NoError(t, err)
	require.Empty(t, samples.Samples)
	require.Equal(t, 3, samples.Counts.Skipped)
	require.Equal(t, d.Items[0].ID, samples.Counts.SkippedItems[0].ID)
	require.Contains(t, samples.Counts.SkippedItems[0].Reason, "request: context: needs ")
}
