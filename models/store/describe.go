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

// Description is what a model's files say about it.
type Description struct {
	Title      string // the model's own name, if it has one
	Family     string // llama, qwen2, qwen3, mistral
	Licence    string // SPDX identifier, if known
	Parameters int64
	Type       string           // type of most values: F16, Q4_1
	Types      map[string]int64 // number of values by type
	Form       string           // "GGUF" or "safetensors"
	Template   bool             // has a chat template
	Config     weights.Config
	Tensors    []weights.Info
}

// maxSideFile limits the size in bytes of the other files that are read.
const maxSideFile = 4 << 20

// Describe reads the headers and small files of the model at path, but no weights.
func Describe(ctx context.Context, store blob.Store, path string) (Description, error) {
	source, err := weights.OpenModel(ctx, store, path)
	if err != nil {
		return Description{}, err
	}
	a := Description{Config: source.Config, Tensors: source.Tensors(), Form: "safetensors", Types: map[string]int64{}}
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

func (a *Description) readGGUF(ctx context.Context, store blob.Store, name string) error {
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

// readFolder reads the optional files of a Hugging Face folder.
func (a *Description) readFolder(ctx context.Context, store blob.Store, path string) {
	text := func(name string) []byte {
		data, err := blob.ReadAll(ctx, store, blob.Join(path, name), maxSideFile)
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

// cardLicence returns the licence in the front matter of a model card.
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

// Describe describes a stored model.
func (m *Model) Describe(ctx context.Context) (Description, error) {
	a, err := Describe(ctx, m.files, "")
	if m.Manifest.Licence != "" {
		a.Licence = m.Manifest.Licence
	}
	return a, err
}

// Tokens returns the vocabulary size of a model's tokenizer. A model without a tokenizer cannot be
// used.
func Tokens(ctx context.Context, store blob.Store, path string) (int, error) {
	t, err := tokenizer.LoadModel(ctx, store, path)
	if err != nil {
		return 0, err
	}
	return t.VocabSize(), nil
}
