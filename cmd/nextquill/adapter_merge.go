package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"nextquill/cmd/nextquill/internal/atomicdir"
	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/fault"
	"nextquill/core/modelfolder"
	"nextquill/core/weights"
	"nextquill/models/store"
)

type adapterMergeCmd struct {
	Adapter string `placeholder:"DIR" help:"Adapter in PEFT's format. Required."`
	DType   string `name:"dtype" enum:"keep,f32,f16,bf16" default:"keep" help:"Type of the written weights: keep (the base model's; quantized weights become f16), f32, f16 or bf16."`
	globals
}

func (adapterMergeCmd) Help() string {
	return `Writes a merged model to the folder OUT: config.json, tokenizer.json and related files, and
model.safetensors with W + scaling·B·A in place of W. Any program that reads Hugging Face folders can load it.

OUT must not exist. It is created only when it is complete, so Ctrl-C or a full disk leave nothing. Memory use does not
depend on the size of the model, and no GPU is needed.

  nextquill adapter merge --adapter out/adapter --out mine
  nextquill adapter merge --model ~/models/SmolLM2-135M-Instruct --adapter out/adapter --dtype f16 --out mine
  nextquill write "ambition" --model mine --adapter none`
}

func (c adapterMergeCmd) Run(ctx context.Context, a *app) (err error) {
	if c.Adapter == "" {
		return fault.New(fault.Missing, "--adapter", "", "is missing").
			WithRemedy("set the adapter's folder, such as --adapter out/adapter")
	}
	target := c.Out
	c.Out = "." // the job's own output folder is unused and must not be created
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	if err := j.mountFolder(adapterDir, c.Adapter); err != nil {
		return err
	}
	if err := j.checkModel(ctx); err != nil {
		return err
	}
	adapter, err := weights.ReadAdapter(ctx, j.table, adapterDir)
	if err != nil {
		return err
	}
	base, err := weights.OpenModel(ctx, j.table, modelDir)
	if err != nil {
		return err
	}
	dtype := weights.DType("")
	if c.DType != "keep" {
		dtype = weights.DType(strings.ToUpper(c.DType))
	}
	texts, err := modelfolder.SideFiles(ctx, j.table, modelDir, base, dtype)
	if err != nil {
		return err
	}
	dir, err := atomicdir.Create(target)
	if err != nil {
		return err
	}
	defer dir.Discard()

	var written int64
	err = j.transfer("merge", func(onProgress store.Progress) (string, error) {
		if written, err = c.fill(ctx, dir, base, adapter, dtype, texts, onProgress); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d layers changed, %s", len(adapter.Pairs), size(written)), dir.Commit()
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "label": "merge", "method": "adapter merge",
			"result": map[string]any{"path": target, "changed": len(adapter.Pairs), "bytes": written}})
	}
	fmt.Fprintf(a.stdout, "Model: %s. Try: nextquill write \"…\" --model %s --adapter none\n", target, target)
	return nil
}

// fill writes the weights and then the other files. It returns the size of the weights in bytes.
func (c adapterMergeCmd) fill(ctx context.Context, dir *atomicdir.Dir, base weights.Source, adapter *weights.Adapter,
	dtype weights.DType, texts map[string][]byte, onProgress store.Progress) (written int64, err error) {
	err = dir.Write(weights.SingleName, func(w io.Writer) error {
		return weights.Merge(ctx, base, adapter, dtype, w, func(done, total int64) {
			written = total
			onProgress("write", weights.SingleName, done, total)
		})
	})
	for name, data := range texts {
		if err != nil {
			break
		}
		err = dir.Write(name, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	return written, err
}
