package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	"nextquill/models"
	"nextquill/models/store"
	"nextquill/wasm/guest"
	"nextquill/web/bundle"
)

// modelName is the model that all programs write with.
const modelName = "smollm2-135m"

// text is the prompt: the beginning of Lewis Carroll's "Alice's Adventures in Wonderland".
const text = `Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing
to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or
conversations in it, "and what is the use of a book," thought Alice "without pictures or
conversations?" So she was considering in her own mind (as well as she could, for the hot day made
her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be worth the
trouble of getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close
by her. There was nothing so very remarkable in that; nor did Alice think it so very much out of the
way to hear the Rabbit say to itself, "Oh dear! Oh dear! I shall be late!"`

// results are all measurements.
type results struct {
	options options
	prompt  prompt
	writers []*writer
	steps   []*stepTable
	browser string // what cmd/benchbrowser prints
}

func run(ctx context.Context, o options) error {
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	if err := bundle.Install(ctx, filepath.Join(root, "web/benchpeers"), o.Out); err != nil {
		return err
	}
	// Node looks for packages next to the script.
	script, err := os.ReadFile(filepath.Join(root, "web/benchpeers/llama.mjs"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.Out, "llama.mjs"), script, 0o644); err != nil {
		return err
	}
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return err
	}
	model, err := store.Open(dir).Find(modelName)
	if err != nil {
		return err
	}
	names, err := model.Files().List(ctx, "")
	if err != nil || len(names) != 1 {
		return fault.New(fault.Mismatch, model.Dir, "", "has %d files, not one GGUF file", len(names)).WithCause(err)
	}
	r := &results{options: o}
	if r.prompt, err = encode(ctx, model.Files(), names[0], o.Tokens); err != nil {
		return err
	}
	if err := r.measureWriting(ctx, root, model, names[0]); err != nil {
		return err
	}
	if o.Venv != "" {
		if err := r.measureSteps(ctx, root, model.Files(), names[0]); err != nil {
			return err
		}
	}
	if r.browser, err = stepsInBrowser(ctx, root); err != nil {
		return err
	}
	return r.write(o.Doc)
}

func encode(ctx context.Context, files blob.Store, name string, tokens int) (prompt, error) {
	tok, err := tokenizer.LoadModel(ctx, files, name)
	if err != nil {
		return prompt{}, err
	}
	return prompt{text: text, ids: tok.Encode(text), tokens: tokens}, nil
}

// measureWriting gives each program a turn in each round. One turn before them is not counted.
func (r *results) measureWriting(ctx context.Context, root string, model *store.Model, name string) error {
	defer func() {
		for _, w := range r.writers {
			w.close()
		}
	}()
	o, path := r.options, filepath.Join(model.Dir, name)
	client, device, err := nativeClient(model.Files())
	if err != nil {
		return err
	}
	info := device.Info()
	r.writers = []*writer{{
		name: "NextQuill, native", device: info.Name, write: ours(client, name),
		close: func() { _ = client.Call(ctx, "release", nil, nil, nil); device.Close() },
	}}
	if err := keepModel(ctx, client, name); err != nil {
		return err
	}
	for _, open := range []func() (*writer, error){
		func() (*writer, error) { return llama(ctx, o, path, "vulkan") },
		func() (*writer, error) { return llama(ctx, o, path, "cpu") },
		func() (*writer, error) { return oursInChromium(ctx, root, path) },
		func() (*writer, error) { return wllama(ctx, root, o, path, 1) },
		func() (*writer, error) { return wllama(ctx, root, o, path, o.Threads) },
	} {
		w, err := open()
		if err != nil {
			return err
		}
		r.writers = append(r.writers, w)
	}
	for round := range o.Rounds + 1 {
		for i := range r.writers {
			w := r.writers[(i+round)%len(r.writers)]
			t, err := w.write(ctx, r.prompt)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "round %d: %s, %s: prompt %.2f s, token %.3f s\n", round, w.name, w.device,
				t.PromptSeconds, t.TokenSeconds)
			if round > 0 {
				w.turns = append(w.turns, t)
			}
		}
	}
	return nil
}

// measureSteps compares training steps on SmolLM2 and on the embedded model.
func (r *results) measureSteps(ctx context.Context, root string, smol blob.Store, name string) error {
	for _, m := range []struct {
		name  string
		files blob.Store
		path  string
	}{{"SmolLM2-135M", smol, name}, {"embedded model", blob.FromFS(models.DefaultFS()), ""}} {
		client, device, err := nativeClient(m.files)
		if err != nil {
			return err
		}
		t, err := compareSteps(ctx, r.options, root, client, m.files, m.name, m.path)
		_ = client.Call(ctx, "release", nil, nil, nil)
		device.Close()
		if err != nil {
			return err
		}
		r.steps = append(r.steps, t)
	}
	return nil
}

// stepsInBrowser compares a step in Chromium with jax-js and TensorFlow.js.
func stepsInBrowser(ctx context.Context, root string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/benchbrowser")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, io.MultiWriter(&out, os.Stderr), os.Stderr
	err := cmd.Run()
	return out.String(), err
}
