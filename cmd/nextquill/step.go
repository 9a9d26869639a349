package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"nextquill/core/api"
	"nextquill/core/causal"
)

type stepCmd struct {
	Batch       string `group:"step" required:"" placeholder:"FILE" help:"Samples as token ids: {\"samples\":[{\"with\":[…],\"without\":[…],\"response\":[…]}]}."`
	Options     string `group:"step" required:"" placeholder:"FILE" help:"Options of the objective in JSON."`
	Adapter     string `group:"step" placeholder:"DIR" help:"LoRA adapter to compute gradients for."`
	Full        bool   `group:"step" help:"Compute gradients for all the model's weights."`
	TokenBudget *int   `group:"step" api:"StepParams.TokenBudget" placeholder:"N" help:"Packed tokens per micro-batch (4096)."`
	Recompute   *bool  `group:"step" negatable:"" help:"Recompute activations in the backward pass. The result is the same. Default: as for 'personalize'."`
	globals
}

func (stepCmd) Help() string {
	return `Runs one forward and one backward pass without an update, to compare the objective with another
implementation.
Writes OUT/result.json (loss terms; for each token the log-probabilities, DCE and weight) and OUT/grads.safetensors
(F32; PEFT's names with --adapter, Hugging Face's with --full).

  nextquill step --model DIR --batch batch.json --options options.json --adapter DIR --out out/step

options.json: {"delta":0.05, "lambda":0.9, "epsilon":0.1, "alpha":0.1, "ntp_weighted":true, "align_weighted":false,
"normalize_ntp":"weights", "normalize_align":"tokens", "expert":"self", "counterfactual_grad":true}. The normalizers are
weights, tokens or samples; expert is self or an adapter's folder, relative to the options file. Missing options have
the values of the preset nextquill-code.`
}

func (c stepCmd) Run(ctx context.Context, a *app) (err error) {
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	params := api.StepParams{Loading: j.loading(), Model: modelDir, Out: outDir, Full: c.Full,
		TokenBudget: c.TokenBudget, Recompute: c.Recompute}
	if params.Batch, err = j.putFile(ctx, "batch.json", c.Batch); err != nil {
		return err
	}
	if params.Options, err = c.options(ctx, j); err != nil {
		return err
	}
	if c.Adapter != "" {
		if params.Adapter, err = j.mountAdapter(adapterDir, c.Adapter); err != nil {
			return err
		}
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	var r api.StepResult
	summary := func() string { return fmt.Sprintf("%d tokens", len(r.Tokens)) }
	if err := j.call(ctx, "step", api.MethodStep, params, &r, summary, nil); err != nil || a.JSON {
		return err
	}
	fmt.Fprintf(a.stdout, "loss %.6f   L_n %.6f   L_p %.6f\n", r.Loss, r.NTPLoss, r.AlignLoss)
	fmt.Fprintf(a.stdout, "%s, %s\n", j.table.Path(outDir+"/result.json"), j.table.Path(outDir+"/grads.safetensors"))
	return nil
}

// maxInput is the maximum size of input files in bytes.
const maxInput = 64 << 20

// putFile stores a file as an input under another name.
func (j *job) putFile(ctx context.Context, name, path string) (string, error) {
	data, err := readFile(path, maxInput)
	if err != nil {
		return "", err
	}
	return j.putInput(ctx, name, data, path)
}

// options stores the options as an input. If they name a frozen expert, its folder is mounted and
// the path is replaced by its path relative to the input folder.
func (c stepCmd) options(ctx context.Context, j *job) (string, error) {
	data, err := readFile(c.Options, maxInput)
	if err != nil {
		return "", err
	}
	o, err := causal.ParseOptions(c.Options, data)
	if err != nil {
		return "", err
	}
	if o.Frozen() && o.Expert != causal.WantsExpert {
		folder := o.Expert
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(filepath.Dir(c.Options), filepath.FromSlash(folder))
		}
		if err := j.mountFolder(expertDir, folder); err != nil {
			return "", err
		}
		o.Expert = "../" + expertDir
		if data, err = json.Marshal(o); err != nil {
			return "", err
		}
	}
	return j.putInput(ctx, "options.json", data, c.Options)
}

// readFile reads a complete file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > limit {
		return nil, tooLarge(path, info.Size(), limit)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}
