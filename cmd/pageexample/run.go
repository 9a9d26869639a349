package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/wasm/host"
	"nextquill/web/example"
)

// run makes an example with a guest.
type run struct {
	host  *host.Host
	files *blob.Mem
}

// maxAdapter bounds the weights of the adapter, in bytes.
const maxAdapter = 64 << 20

// source are the texts, as the methods take them.
func source() api.Source { return api.Source{History: history, Heldout: heldout} }

func (r *run) example(ctx context.Context) (e example.Example, err error) {
	var info api.InfoResult
	if err := r.host.Call(ctx, api.MethodInfo, nil, &info, nil); err != nil {
		return e, err
	}
	trained, err := r.personalize(ctx)
	if err != nil {
		return e, err
	}
	e.Writer = "Ambrose Bierce"
	if e.Unseen, err = r.test(ctx); err != nil {
		return e, err
	}
	explained, err := r.choose(ctx, e.Unseen.Texts)
	if err != nil {
		return e, err
	}
	e.Context, e.Words, e.Earlier = explained.Context, example.Words(explained.Tokens), explained.Items
	var seed uint64
	if e.You, seed, err = r.draft(ctx, explained.Context); err != nil {
		return e, err
	}
	if e.Plain, err = r.write(ctx, explained.Context, true, seed); err != nil {
		return e, err
	}
	weights, err := fs.ReadFile(models.DefaultFS(), "model.gguf")
	if err != nil {
		return e, err
	}
	adapter, err := blob.ReadAll(ctx, r.files, adapterFolder+"/adapter_model.safetensors", maxAdapter)
	if err != nil {
		return e, err
	}
	d := api.ModuleDefaults()
	e.Made = example.Made{
		Command: example.Command, Device: info.Device.Name, Model: sum(weights), Adapter: sum(adapter),
		Preset: d.Preset, Epochs: d.Epochs, Seed: d.Seed, DraftSeed: seed, Texts: trained.Train.Texts,
	}
	return e, nil
}

// personalize trains with the settings of the page.
func (r *run) personalize(ctx context.Context) (result api.PersonalizeResult, err error) {
	d := api.ModuleDefaults()
	store := d.Datastore
	err = r.host.Call(ctx, api.MethodPersonalize, api.PersonalizeParams{
		Model: modelFolder, Source: source(), Preset: d.Preset, Datastore: &store, Out: adapterFolder,
		Training: api.Training{Epochs: &d.Epochs, Seed: d.Seed},
	}, &result, func(name string, event json.RawMessage) {
		var step api.StepEvent
		if name == api.EventStep && json.Unmarshal(event, &step) == nil {
			fmt.Fprintf(os.Stderr, "\rstep %d of %d, loss %.3f ", step.Step, step.Steps, step.Loss)
		}
	})
	fmt.Fprintln(os.Stderr)
	return result, err
}

// test compares the base model without history with the personalized one, on the held-out texts.
func (r *run) test(ctx context.Context) (example.Unseen, error) {
	var before, after api.EvaluateResult
	p := api.EvaluateParams{Inference: api.Inference{Model: modelFolder, Source: source()}, NoHistory: true}
	if err := r.host.Call(ctx, api.MethodEvaluate, p, &before, nil); err != nil {
		return example.Unseen{}, err
	}
	p.Adapter, p.NoHistory = adapterFolder, false
	err := r.host.Call(ctx, api.MethodEvaluate, p, &after, nil)
	return example.Unseen{Texts: len(after.Items), Tokens: after.Tokens, Before: before.Loss, After: after.Loss}, err
}

// choose explains all held-out texts, and returns that of the example.
func (r *run) choose(ctx context.Context, texts int) (best api.ExplainResult, err error) {
	most := 0.
	for item := range texts {
		p := api.ExplainParams{Inference: api.Inference{Model: modelFolder, Adapter: adapterFolder, Source: source()},
			Item: item}
		var one api.ExplainResult
		if err := r.host.Call(ctx, api.MethodExplain, p, &one, nil); err != nil {
			return best, err
		}
		words := example.Words(one.Tokens)
		if len(strings.Fields(one.Text)) > maxWords {
			continue
		}
		likelier := 0
		for _, w := range words {
			if w.DCE() >= strong() {
				likelier++
			}
		}
		share := float64(likelier) / float64(len(words))
		fmt.Fprintf(os.Stderr, "%3d  %4.0f %% of %2d words  %s\n", item, 100*share, len(words), one.Text)
		if share <= most {
			continue
		}
		most = share
		p.Influence = true
		if err := r.host.Call(ctx, api.MethodExplain, p, &best, nil); err != nil {
			return best, err
		}
	}
	if most == 0 {
		return best, fault.New(fault.Missing, heldout, "", "no text of at most %d words has a likelier word", maxWords).
			WithRemedy("raise maxWords in cmd/pageexample")
	}
	return best, nil
}

// draft writes the draft of the personalized model: the first of the seeds 1, 2, … whose draft
// repeats no longer word.
func (r *run) draft(ctx context.Context, about []api.Field) (string, uint64, error) {
	for seed := uint64(1); seed <= maxSeed; seed++ {
		text, err := r.write(ctx, about, false, seed)
		if err != nil {
			return "", 0, err
		}
		fmt.Fprintf(os.Stderr, "seed %d: %s\n", seed, text)
		if !repeats(text) {
			return text, seed, nil
		}
	}
	return "", 0, fault.New(fault.Missing, "drafts", "", "each of %d drafts repeats a word", maxSeed).
		WithRemedy("raise maxSeed in cmd/pageexample")
}

// maxSeed bounds the drafts, minRepeated the words that must not be repeated.
const (
	maxSeed     = 32
	minRepeated = 3 // letters
)

func repeats(text string) bool {
	seen := map[string]bool{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if seen[word] && len(word) >= minRepeated {
			return true
		}
		seen[word] = true
	}
	return false
}

// write writes a draft with the base model alone, or with the adapter and the history.
func (r *run) write(ctx context.Context, about []api.Field, plain bool, seed uint64) (string, error) {
	p := api.WriteParams{
		Inference: api.Inference{Model: modelFolder, Adapter: adapterFolder, Source: api.Source{History: history}},
		Context:   about, NoHistory: plain, Sampling: api.ModuleDefaults().Sampling,
	}
	p.Sampling.Seed = uint32(seed)
	if plain {
		p.Adapter = ""
	}
	var result api.WriteResult
	err := r.host.Call(ctx, api.MethodWrite, p, &result, nil)
	return strings.TrimSpace(result.Text), err
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
