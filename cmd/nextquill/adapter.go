package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/fault"
	"nextquill/core/weights"
	"nextquill/report"
)

type adapterCmd struct {
	Info   adapterInfoCmd   `cmd:"" help:"Show an adapter's parameters and how much it changes each layer."`
	Verify adapterVerifyCmd `cmd:"" help:"Check that an adapter is complete and fits a model."`
	Merge  adapterMergeCmd  `cmd:"" help:"Merge an adapter into its base model and save the result as a model."`
}

// adapterArg is an adapter folder.
type adapterArg struct {
	Dir string `arg:"" optional:"" help:"Adapter in PEFT's format. Default: OUT/adapter."`
}

type adapterInfoCmd struct {
	adapterArg
	globals
}

func (adapterInfoCmd) Help() string {
	return `Reads and checks a complete adapter. Shows its parameters and the norm ‖scaling·B·A‖ of each layer's update.

  nextquill adapter info
  nextquill adapter info ~/adapters/mine --json`
}

func (c adapterInfoCmd) Run(ctx context.Context, a *app) error {
	_, adapter, path, err := c.read(ctx, a, c.globals)
	if err != nil {
		return err
	}
	info := describeAdapter(adapter, path)
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "label": "adapter", "method": "adapter info",
			"result": info})
	}
	info.print(a.terminal())
	return nil
}

// read mounts an adapter and reads it.
func (c adapterArg) read(ctx context.Context, a *app, g globals) (j *job, adapter *weights.Adapter, path string,
	err error) {
	if j, err = a.newJob(g); err != nil {
		return nil, nil, "", err
	}
	name, err := j.adapterFor(c.Dir)
	if err != nil {
		return nil, nil, "", err
	}
	adapter, err = weights.ReadAdapter(ctx, j.table, name)
	return j, adapter, j.table.Path(name), err
}

type adapterVerifyCmd struct {
	adapterArg
	globals
}

func (adapterVerifyCmd) Help() string {
	return `Reads every value and compares each module's name and shape with the model. Reports what is wrong,
layers that the adapter should have but lacks, and a base model of another name.

  nextquill adapter verify
  nextquill adapter verify ~/adapters/mine --model ~/models/SmolLM2-135M-Instruct`
}

func (c adapterVerifyCmd) Run(ctx context.Context, a *app) error {
	j, adapter, path, err := c.read(ctx, a, c.globals)
	if err != nil {
		return err
	}
	config, err := weights.ReadModelConfig(ctx, j.table, modelDir)
	if err != nil {
		return err
	}
	if err := weights.CheckAdapter(config, adapter); err != nil {
		return err
	}
	missing := missingModules(config, adapter)
	another := otherBase(adapter.BaseModel, c.Model)
	if a.JSON {
		err := ui.WriteJSON(a.stdout, map[string]any{"event": "result", "label": "adapter", "method": "adapter verify",
			"result": map[string]any{"path": path, "modules": len(adapter.Pairs), "fits": true, "missing": missing,
				"base": adapter.BaseModel, "another_base": another}})
		return errors.Join(err, incomplete(path, adapter, missing))
	}
	if another {
		a.note(fmt.Sprintf("The adapter was trained on %s, but this model is %s. "+
			"If that is another model, the adapter does not work with it.", fault.Quote(adapter.BaseModel),
			fault.Quote(cmp.Or(c.Model, defaultBase))))
	}
	if err := incomplete(path, adapter, missing); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s is complete and fits the model: rank %d on %d layers.\n", path, adapter.Rank,
		len(adapter.Pairs))
	return nil
}

// missingModules lists the linear layers of a model that target_modules names and that have no
// tensors in the adapter, in order. PEFT leaves them at their initial values and warns. A regular
// expression in target_modules or exclude_modules is not interpreted; the list is empty then.
func missingModules(c weights.Config, a *weights.Adapter) (missing []string) {
	if a.TargetPattern != "" && a.TargetPattern != "all-linear" || a.ExcludeRegexp != "" {
		return nil
	}
	for i := range c.Layers {
		for _, part := range weights.LinearParts {
			path := weights.LayerPath(i, part)
			excluded := slices.ContainsFunc(a.Exclude, func(e string) bool {
				return e == path || strings.HasSuffix(path, "."+e)
			})
			if _, there := a.Pairs[path]; !there && !excluded && a.TargetsModule(path) {
				missing = append(missing, path)
			}
		}
	}
	return missing
}

// incomplete returns a fault if layers that target_modules names have no tensors.
func incomplete(path string, adapter *weights.Adapter, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	const shown = 4
	names := strings.Join(missing[:min(shown, len(missing))], ", ")
	if len(missing) > shown {
		names += ", …"
	}
	return fault.New(fault.Missing, path, weights.AdapterWeightsName,
		"has no tensors for %d of the %d layers that target_modules names: %s", len(missing),
		len(missing)+len(adapter.Pairs), names).
		WithRemedy("save or download the adapter again; it can be used as it is, and does not change these layers")
}

// defaultBase is the name of the embedded model in adapters.
const defaultBase = "nextquill-default"

// otherBase reports whether the base that an adapter names has another name than the model. Only
// the last parts of paths and Hugging Face ids count.
func otherBase(recorded, model string) bool {
	last := func(name string) string {
		name = strings.TrimRight(strings.ReplaceAll(name, `\`, "/"), "/")
		return strings.ToLower(strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".gguf"))
	}
	if model == "default" {
		model = ""
	}
	return recorded != "" && last(recorded) != last(cmp.Or(model, defaultBase))
}

// adapterInfo is the description of an adapter.
type adapterInfo struct {
	Path        string       `json:"path"`
	Rank        int          `json:"rank"`
	Alpha       float64      `json:"alpha"`
	RSLoRA      bool         `json:"rslora"`
	Targets     []string     `json:"targets"`
	Base        string       `json:"base"`
	Template    string       `json:"template,omitempty"` // the template it was trained with, if known
	TrainedBase string       `json:"learnt_base,omitempty"`
	Parameters  int          `json:"parameters"`
	Bytes       int64        `json:"bytes"` // size in float32
	Modules     []moduleInfo `json:"modules"`
}

type moduleInfo struct {
	Module  string  `json:"module"`
	Rank    int     `json:"rank"`
	Scaling float64 `json:"scaling"`
	Norm    float64 `json:"norm"` // ‖scaling·B·A‖, Frobenius
}

func describeAdapter(a *weights.Adapter, path string) adapterInfo {
	info := adapterInfo{Path: path, Rank: a.Rank, Alpha: a.Alpha, RSLoRA: a.RSLoRA, Targets: a.Targets,
		Base: a.BaseModel, Template: a.Provenance.Template, TrainedBase: a.Provenance.Base}
	if a.TargetPattern != "" {
		info.Targets = []string{a.TargetPattern}
	}
	for _, module := range a.Paths() {
		p := a.Pairs[module]
		info.Parameters += len(p.A) + len(p.B)
		info.Modules = append(info.Modules, moduleInfo{module, p.Rank(), a.Scaling(module), a.UpdateNorm(module)})
	}
	info.Bytes = 4 * int64(info.Parameters)
	return info
}

func (i adapterInfo) print(t report.Terminal) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t.Out, "%-12s%s\n", name, report.Clean(fmt.Sprintf(format, args...)))
	}
	scaling := "alpha/rank"
	if i.RSLoRA {
		scaling = "alpha/√rank"
	}
	base := i.Base
	if base == "" {
		base = "unknown"
	}
	line("adapter", "%s", i.Path)
	line("base", "%s", base)
	if i.Template != "" || i.TrainedBase != "" {
		line("trained", "with the template %s, on a %s base", cmp.Or(i.Template, "unknown"),
			cmp.Or(i.TrainedBase, "unknown"))
	}
	line("rank", "%d, alpha %g, scaled by %s", i.Rank, i.Alpha, scaling)
	line("targets", "%s", strings.Join(i.Targets, ", "))
	line("size", "%d parameters in %d layers, %s", i.Parameters, len(i.Modules), size(i.Bytes))
	fmt.Fprintln(t.Out)
	columns, rows := normTable(i.Modules)
	t.Table(columns, rows)
}

// normTable has a row for each block of the model, and a column for each adapted layer.
func normTable(modules []moduleInfo) ([]report.Column, [][]string) {
	byName := map[string]moduleInfo{}
	for _, m := range modules {
		byName[m.Module] = m
	}
	columns := []report.Column{{Name: "norm of the update"}}
	var parts []string
	for _, part := range weights.LinearParts {
		for _, m := range modules {
			if strings.HasSuffix(m.Module, "."+part) {
				parts = append(parts, part)
				columns = append(columns, report.Column{Name: part[strings.LastIndexByte(part, '.')+1:], Right: true})
				break
			}
		}
	}
	var rows [][]string
	for n, last := 0, lastBlock(modules); n <= last; n++ {
		row := []string{fmt.Sprintf("block %d", n)}
		for _, part := range parts {
			cell := ""
			if m, ok := byName[weights.LayerPath(n, part)]; ok {
				cell = fmt.Sprintf("%.3g", m.Norm)
				delete(byName, m.Module)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	for _, m := range modules { // modules with other names
		if _, left := byName[m.Module]; left {
			row := make([]string, 1+len(parts))
			row[0] = fmt.Sprintf("%s  %.3g", report.Clean(m.Module), m.Norm)
			rows = append(rows, row)
		}
	}
	return columns, rows
}

// maxBlocks is above the number of blocks of any supported model.
const maxBlocks = 256

func lastBlock(modules []moduleInfo) int {
	last := -1
	for _, m := range modules {
		var n int
		if _, err := fmt.Sscanf(m.Module, "model.layers.%d.", &n); err == nil && n < maxBlocks {
			last = max(last, n)
		}
	}
	return last
}
