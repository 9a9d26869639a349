package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
)

// About is what a model's files say of it.
type About struct {
	Title      string // its own name for itself, where it has one
	Family     string // llama, qwen2, qwen3, mistral
	Licence    string // SPDX, where it is known
	Parameters int64
	Type       string           // of most of the values: F16, Q4_1
	Types      map[string]int64 // values by type
	Form       string           // "GGUF" or "safetensors"
	Template   bool             // has a chat template
	Config     weights.Config
	Tensors    []weights.Info
}

// maxText bounds the files that are read here beside the weights.
const maxText = 4 << 20

// Describe reads headers and small files of the model at path; no weights.
func Describe(ctx context.Context, store blob.Store, path string) (About, error) {
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return About{}, err
	}
	a := About{Config: source.Config, Tensors: source.Tensors(), Form: "safetensors", Types: map[string]int64{}}
	for _, t := range source.Tensors() {
		a.Types[string(t.DType)] += int64(t.Elements())
		a.Parameters += int64(t.Elements())
	}
	for kind, n := range a.Types {
		if most := a.Types[a.Type]; n > most || n == most && kind < a.Type {
			a.Type = kind
		}
	}
	if gguf.Is(source.Where) {
		return a, a.readGGUF(ctx, store, source.Where)
	}
	a.readFolder(ctx, store, path)
	return a, nil
}

func (a *About) readGGUF(ctx context.Context, store blob.Store, name string) error {
	a.Form = "GGUF"
	f, err := gguf.Open(ctx, store, name)
	if err != nil {
		return err
	}
	a.Family, _ = f.Metadata["general.architecture"].Text()
	a.Title, _ = f.Metadata["general.name"].Text()
	a.Licence, _ = f.Metadata["general.license"].Text()
	_, a.Template = f.Metadata["tokenizer.chat_template"].Text()
	return nil
}

// readFolder reads what lies in a Hugging Face folder. Only config.json must be there, and that was read before.
func (a *About) readFolder(ctx context.Context, store blob.Store, path string) {
	text := func(name string) []byte {
		data, err := blob.ReadAll(ctx, store, blob.Join(path, name), maxText)
		if err != nil {
			return nil
		}
		return data
	}
	var config struct {
		ModelType string `json:"model_type"`
		Name      string `json:"_name_or_path"`
	}
	_ = json.Unmarshal(text(weights.ConfigName), &config)
	a.Family, a.Title = config.ModelType, config.Name
	var tokens struct {
		Template any `json:"chat_template"`
	}
	_ = json.Unmarshal(text("tokenizer_config.json"), &tokens)
	a.Template = tokens.Template != nil || text("chat_template.jinja") != nil
	a.Licence = cardLicence(text("README.md"))
}

// cardLicence finds the licence in the front matter of a model card.
func cardLicence(card []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(card))
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if n == 0 && line != "---" || n > 0 && line == "---" {
			break
		}
		if value, ok := strings.CutPrefix(line, "license:"); ok {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// Describe tells about a kept model.
func (m *Model) Describe(ctx context.Context) (About, error) {
	a, err := Describe(ctx, m.files, "")
	if m.Manifest.Licence != "" {
		a.Licence = m.Manifest.Licence
	}
	return a, err
}

// Tokens gives the size of a model's vocabulary as its tokenizer has it: a model without one cannot be used for text.
func Tokens(ctx context.Context, store blob.Store, path string) (int, error) {
	t, err := tokenizer.LoadModel(ctx, store, path)
	if err != nil {
		return 0, err
	}
	return t.VocabSize(), nil
}
