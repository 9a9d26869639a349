package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"nextquill/cmd/nextquill/internal/mount"
	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/api"
	"nextquill/core/gpu"
	"nextquill/models/store"
	"nextquill/report"
)

type modelInfoCmd struct {
	Source  string `arg:"" help:"A model: a name, a folder or a GGUF file; 'default' is the embedded one."`
	Tensors bool   `help:"Also list the tensors."`
	Base    string `enum:"auto,f32,f16,q8,q4" default:"auto" help:"Format of the weights on the GPU, for the memory estimate: f32, f16, q8, q4, or auto (the smallest format that represents the file's weights exactly)."`
	modelGlobals
}

func (modelInfoCmd) Help() string {
	return `Reads only headers, no weights.

  nextquill model info smollm2-135m
  nextquill model info model.gguf --tensors`
}

func (c modelInfoCmd) Run(ctx context.Context, a *app) error {
	s, _, err := c.open(a)
	if err != nil {
		return err
	}
	m, err := resolveModel(s, c.Source)
	if err != nil {
		return err
	}
	about, err := store.Describe(ctx, m.files, "")
	if err != nil {
		return err
	}
	if m.stored != nil && m.stored.Manifest.Licence != "" {
		about.Licence = m.stored.Manifest.Licence
	}
	tokens, tokenizerErr := store.Tokens(ctx, m.files, "")
	need, err := c.estimate(ctx, m)
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "info", "title": about.Title, "family": about.Family,
			"license":    about.Licence,
			"parameters": about.Parameters, "types": about.Types, "form": about.Form, "chat_template": about.Template,
			"tokens": tokens, "memory": need,
			"config": about.Config, "tensors": about.Tensors})
	}
	t := a.terminal()
	t.Title(c.Source)
	for _, r := range append(c.rows(about, m, tokens, tokenizerErr),
		[]string{"GPU memory for writing", report.Bytes(need.Write.Peak) + ", including weights " +
			report.Bytes(need.Write.Base)},
		[]string{"GPU memory for training", fmt.Sprintf("%s, with steps of %d tokens", report.Bytes(need.Train.Peak),
			estimatedBudget)}) {
		fmt.Fprintf(a.stdout, "  %-34s%s\n", r[0], report.Clean(r[1]))
	}
	if c.Tensors {
		t.Title("Tensors")
		var rows [][]string
		for _, x := range about.Tensors {
			rows = append(rows, []string{x.Name, string(x.DType), fmt.Sprint(x.Shape)})
		}
		t.Table([]report.Column{{Name: "name"}, {Name: "type"}, {Name: "shape"}}, rows)
	}
	return nil
}

// commonGPU has the limits of a common desktop GPU. They have almost no influence on the estimate.
var commonGPU = gpu.Info{
	Name: "a common GPU", MaxBufferSize: 2 << 30, MaxBindingSize: 2<<30 - 4, MaxStorageBuffers: 8, MaxInvocations: 256,
	MaxWorkgroupSizeX:  256,
	MaxWorkgroupMemory: 16 << 10, MaxGroupsPerDimension: 65535, StorageOffsetAlignment: 256,
}

// estimatedBudget is the number of packed tokens of a training step in the estimate: a text with
// three others in its prompt.
const estimatedBudget = 1024

// estimate returns the GPU memory for writing and training. It needs no GPU.
func (c modelInfoCmd) estimate(ctx context.Context, m baseModel) (r api.EstimateResult, err error) {
	table := &mount.Table{}
	table.Add(modelDir, m.files, m.source)
	return r, localClient(gpu.Dry{Limits: commonGPU}, table).Call(ctx, api.MethodEstimate, api.EstimateParams{
		Loading: api.Loading{Base: c.Base}, Model: modelDir, LoRA: defaultLoRA,
		Training: api.Training{TokenBudget: new(estimatedBudget)},
	}, &r, nil)
}

// rows are the lines of a model's description.
func (c modelInfoCmd) rows(about store.Description, m baseModel, tokens int, tokenizerErr error) [][]string {
	cfg := about.Config
	var types []string
	for _, kind := range slices.SortedFunc(maps.Keys(about.Types),
		func(a, b string) int { return int(about.Types[b] - about.Types[a]) }) {
		types = append(types, fmt.Sprintf("%s %.1f %%", kind, 100*float64(about.Types[kind])/float64(about.Parameters)))
	}
	rows := [][]string{
		{"title", about.Title},
		{"family", about.Family},
		{"licence", about.Licence},
		{"parameters", amount(about.Parameters)},
		{"types", strings.Join(types, ", ")},
		{"form", about.Form},
		{"layers, width, MLP", fmt.Sprintf("%d, %d, %d", cfg.Layers, cfg.HiddenSize, cfg.IntermediateSize)},
		{"heads, KV heads, head width", fmt.Sprintf("%d, %d, %d", cfg.Heads, cfg.KVHeads, cfg.HeadDim)},
		{"context", fmt.Sprintf("%d tokens", cfg.MaxPositions)},
		{"RoPE base", fmt.Sprintf("%g", cfg.RopeTheta)},
		{"switches", switches(about)},
		{"vocabulary", fmt.Sprintf("%d", cfg.VocabSize)},
		{"BOS, EOS", fmt.Sprintf("%d, %v", cfg.BOS, cfg.EOS)},
		{"chat template", yesNo(about.Template)},
	}
	if tokenizerErr != nil {
		rows = append(rows, []string{"tokenizer", tokenizerErr.Error()})
	} else {
		rows = append(rows, []string{"tokenizer", fmt.Sprintf("%d tokens", tokens)})
	}
	if m.source != "" {
		rows = append(rows, []string{"folder", m.source})
	}
	if m.stored != nil {
		rows = append(rows, []string{"files",
			fmt.Sprintf("%d, %s, with a manifest", len(m.stored.Manifest.Files), size(m.stored.Manifest.Size()))})
		if from := m.stored.Manifest.From; from != "" {
			rows = append(rows, []string{"from", from})
		}
	}
	return slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" })
}

func switches(a store.Description) string {
	var on []string
	for _, s := range []struct {
		on   bool
		name string
	}{
		{a.Config.TieEmbeddings, "tied head"}, {a.Config.QKVBias, "biases on q, k, v"},
		{a.Config.OutputBias, "bias on o"}, {a.Config.QKNorm, "norms on q, k"},
	} {
		if s.on {
			on = append(on, s.name)
		}
	}
	return strings.Join(on, ", ")
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
