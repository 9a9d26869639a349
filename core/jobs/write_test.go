package jobs

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// chatFamilies are the golden templates of core/chat, and the folder of the tokenizer.
var chatFamilies = map[string]string{
	"smollm2":      "chat/testdata/bytes",
	"qwen2.5":      "chat/testdata/bytes",
	"qwen3":        "chat/testdata/bytes",
	"mistral-nemo": "chat/testdata/bytes",
	"llama3":       "chat/testdata/bytes",
	"llama3.2":     "chat/testdata/bytes",
	"mistral":      "tokenizer/testdata/llama2",
	"zephyr":       "tokenizer/testdata/llama2",
	"llama2":       "tokenizer/testdata/llama2",
}

// openChat opens a data set without items for a family's model folder, which has no weights.
func openChat(t *testing.T, family, template string) *dataset.Dataset {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		return data
	}
	env := engine.New(engine.Host{Blobs: blob.NewMem(map[string][]byte{
		"m/tokenizer.json":        read(chatFamilies[family] + "/tokenizer.json"),
		"m/tokenizer_config.json": read("chat/testdata/" + family + "/tokenizer_config.json"),
		"m/chat_template.jinja":   read("chat/testdata/" + family + "/chat_template.jinja"),
	})}).Env(nil)
	cfg := weights.Config{VocabSize: 1000, MaxPositions: 2048, BOS: 1, EOS: []int32{0}}
	d, err := openData(t.Context(), env, "m", cfg, api.Source{}, template, api.Retrieval{})
	require.NoError(t, err)
	return d
}

func TestConversationsToGoOnWithAreThoseOfTransformers(t *testing.T) {
	for family := range chatFamilies {
		d := openChat(t, family, "")
		data, err := os.ReadFile("../chat/testdata/" + family + "/cases.json")
		require.NoError(t, err)
		var cases []struct {
			Turns         [][2]string
			Prompt, Fails bool
			NoThinking    bool `json:"no_thinking"`
			IDs           []int32
		}
		require.NoError(t, json.Unmarshal(data, &cases))
		checked := 0
		for _, c := range cases {
			p := api.WriteParams{Inference: api.Inference{Model: "m"}}
			spells := false
			for _, turn := range c.Turns {
				p.Messages = append(p.Messages, api.ChatMessage{Role: turn[0], Content: turn[1]})
				spells = spells || d.Tokenizer.Escape(turn[1]) != turn[1]
			}
			if !c.Prompt || spells || family == "llama3.2" ||
				c.NoThinking != (family == "qwen3") { // llama3.2 puts the date into the prompt
				continue
			}
			got, err := writePrompt(d, &p)
			if c.Fails || len(c.IDs) == 0 {
				require.Error(t, err)
				continue
			}
			checked++
			require.NoError(t, err)
			require.Equal(t, c.IDs, got.With, "%s %v", family, c.Turns)
		}
		require.True(t, checked > 8 || family == "llama3.2", "%s %d", family, checked)
	}
}

func TestConversationsWeRefuse(t *testing.T) {
	d := openChat(t, "llama2", "")
	hi := []api.ChatMessage{{Role: "user", Content: "hi"}}
	for _, c := range []struct {
		p       api.WriteParams
		message string
	}{
		{api.WriteParams{Messages: []api.ChatMessage{{Role: "tool", Content: "x"}}}, `messages: role: "tool"`},
		{api.WriteParams{Messages: []api.ChatMessage{{Role: "assistant", Content: "x"}}},
			`the template rejects the conversation: "User and assistant take turns, the user begins."`},
		{api.WriteParams{Inference: api.Inference{Source: api.Source{History: "h"}}, Messages: hi},
			"cannot be combined with a source"},
		{api.WriteParams{Messages: hi, Context: []api.Field{{Name: "a", Value: "b"}}}, "a source, a context"},
		{api.WriteParams{Messages: hi, Sampling: api.Sampling{Steer: 1}}, "or steering"},
		{api.WriteParams{Messages: []api.ChatMessage{{Role: "user", Content: strings.Repeat("long ", 3000)}}},
			"leave out the oldest turns"},
	} {
		_, err := writePrompt(d, &c.p)
		require.ErrorContains(t, err, c.message)
		require.NotEmpty(t, fault.KindOf(err))
	}
	p := api.WriteParams{Inference: api.Inference{Model: "m"}, Messages: hi}
	_, err := writePrompt(openChat(t, "llama2", "plain"), &p)
	require.ErrorContains(
		t,
		err,
		"m: tokenizer_config.json: there is no chat template; use a model that was trained to chat",
	)
}
