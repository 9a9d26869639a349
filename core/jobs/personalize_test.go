//go:build !wasm

package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/jobs"
	"nextquill/core/rpc"
	"nextquill/core/weights"
	"nextquill/models"
	"nextquill/native/nativetest"
	"nextquill/samples"
)

// newClient returns a client of the methods on an engine of its own.
func newClient(g *gpu.Context, store blob.Store) api.Client {
	e := engine.New(engine.Host{GPU: g, Blobs: store})
	return rpc.Local(e.NewServer(jobs.Methods(e)))
}

// job is a client with the embedded model under "model" and the sample writer
// under "data".
type job struct {
	t      *testing.T
	client api.Client
	store  *blob.Mem
	gpu    *gpu.Context
}

// tunes are the kernel variants that the first test measured, so that the others need not.
var tunes atomic.Pointer[string]

func newJob(t *testing.T) *job {
	t.Helper()
	j := &job{t: t, store: &blob.Mem{}}
	j.copy("model", models.DefaultFS())
	j.copy("data", samples.Bierce())
	j.gpu = nativetest.Open(t, j.store)
	if measured := tunes.Load(); measured != nil {
		j.write(engine.TuneBlob, *measured)
	} else {
		t.Cleanup(func() {
			if raw, err := blob.ReadAll(context.Background(), j.store, engine.TuneBlob, 1<<16); err == nil {
				text := string(raw)
				tunes.Store(&text)
			}
		})
	}
	j.client = newClient(j.gpu, j.store)
	return j
}

// copy copies the files of a folder, without its subfolders.
func (j *job) copy(dir string, f fs.FS) {
	names, err := fs.Glob(f, "*")
	require.NoError(j.t, err)
	for _, n := range names {
		if info, err := fs.Stat(f, n); err == nil && info.IsDir() {
			continue
		}
		b, err := fs.ReadFile(f, n)
		require.NoError(j.t, err)
		require.NoError(j.t, j.store.Write(context.Background(), dir+"/"+n, b))
	}
}

func (j *job) write(name, text string) {
	require.NoError(j.t, j.store.Write(context.Background(), name, []byte(text)))
}

var smallSource = api.Source{
	History: "data/history.jsonl", Heldout: "data/heldout.jsonl", MaxItems: new(6), MaxHeldout: new(3),
}
var smallRetrieval = api.Retrieval{K: new(1), MaxResponse: new(24)}

func small(preset, out string) api.PersonalizeParams {
	return api.PersonalizeParams{
		Model: "model", Source: smallSource, Retrieval: smallRetrieval, Preset: preset, Out: out,
		LoRA:     api.LoRA{Rank: new(4), Alpha: new(8.)},
		Training: api.Training{Epochs: new(2.), BatchSize: new(3), LR: new(2e-3), CheckpointEvery: new(1)},
	}
}

// TestDefaultBatchSize checks the number of steps of one pass over six texts.
func TestDefaultBatchSize(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("contextsft", "out")
	p.Training.Epochs, p.Training.BatchSize = new(1.), nil
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil))
	require.Equal(t, 6, r.Train.Windows)
	require.Equal(t, 3, r.Steps)
}

// TestPersonalizeEndToEnd trains both phases of the paper's method on the sample writer. The
// adapters that it writes give the held-out loss that it reported.
func TestPersonalizeEndToEnd(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	var base api.EvaluateResult
	eval := api.EvaluateParams{Inference: api.Inference{Model: "model", Source: smallSource, Retrieval: smallRetrieval}}
	require.NoError(t, j.client.Call(ctx, "evaluate", eval, &base, nil))
	require.Len(t, base.Items, 3)
	var nats float64
	for _, i := range base.Items {
		nats += i.Nats
	}
	require.InDelta(t, base.Loss, nats/float64(base.Tokens), 1e-6)

	for _, preset := range []string{"contextsft", "nextquill"} {
		p := small(preset, "out/"+preset)
		if preset == "nextquill" {
			p.Expert = "out/contextsft"
		}
		var events []string
		var r api.PersonalizeResult
		take := func(name string, raw json.RawMessage) { events = append(events, name) }
		require.NoError(t, j.client.Call(ctx, "personalize", p, &r, take))
		require.Equal(t, 4, r.Steps)
		require.Less(t, r.Heldout, base.Loss, preset)
		for _, want := range []string{"stage", "step", "eval", "checkpoint"} {
			require.Contains(t, events, want)
		}
		eval.Adapter = p.Out
		var tuned api.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", eval, &tuned, nil))
		require.InDelta(t, r.Heldout, tuned.Loss, 1e-5, preset)
		left, err := j.store.List(ctx, p.Out)
		require.NoError(t, err)
		require.Len(t, left, 2, "an adapter and no checkpoints: %v", left)
	}
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestFullFineTuning trains all weights. The model folder that it writes gives the held-out loss
// that it reported.
func TestFullFineTuning(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("contextsft", "out/full")
	p.Full, p.Training.LR, p.Training.Epochs = true, new(2e-4), new(1.)
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil))
	var tuned api.EvaluateResult
	eval := api.EvaluateParams{
		Inference: api.Inference{Model: "out/full", Source: smallSource, Retrieval: smallRetrieval},
	}
	require.NoError(t, j.client.Call(ctx, "evaluate", eval, &tuned, nil))
	require.InDelta(t, r.Heldout, tuned.Loss, 1e-5)
	left, err := j.store.List(ctx, "out/full")
	require.NoError(t, err)
	require.Len(t, left, 5, "%v", left) // config, generation config, tokenizer, its config, weights
}

// TestCancelAndResume stops a run at its second checkpoint and resumes it: the adapter's files
// equal those of an uninterrupted run byte for byte.
func TestCancelAndResume(t *testing.T) {
	j := newJob(t)
	require.NoError(t, j.client.Call(context.Background(), "personalize", small("nextquill-code", "out/a"), nil, nil))

	ctx, cancel := context.WithCancel(context.Background())
	p := small("nextquill-code", "out/b")
	seen := 0
	err := j.client.Call(ctx, "personalize", p, nil, func(name string, _ json.RawMessage) {
		if name == "checkpoint" {
			if seen++; seen == 2 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, fault.Cancelled)
	p.Resume = true
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(context.Background(), "personalize", p, &r, nil))
	require.GreaterOrEqual(t, r.Resumed, 2)
	for _, f := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		a, err := blob.ReadAll(context.Background(), j.store, "out/a/"+f, 1<<30)
		require.NoError(t, err)
		b, err := blob.ReadAll(context.Background(), j.store, "out/b/"+f, 1<<30)
		require.NoError(t, err)
		require.Equal(t, a, b, f)
	}
}

func TestWriteStreamsTheSameTextForASeed(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := api.WriteParams{
		Inference: api.Inference{Model: "model", Source: smallSource, Retrieval: smallRetrieval},
		Context:   []api.Field{{Name: "word", Value: "Telescope"}, {Name: "part", Value: "noun"}},
		Sampling: api.Sampling{
			Temperature: .8, TopP: new(.9), TopK: 50, RepetitionPenalty: new(1.1), Seed: 3, MaxTokens: new(20),
		},
	}
	texts := map[string]string{}
	run := func(name string, p api.WriteParams) api.WriteResult {
		var r api.WriteResult
		var streamed strings.Builder
		require.NoError(t, j.client.Call(ctx, "write", p, &r, func(event string, raw json.RawMessage) {
			if event == "token" {
				var e api.TokenEvent
				require.NoError(t, json.Unmarshal(raw, &e))
				streamed.WriteString(e.Text)
			}
		}))
		require.Equal(t, r.Text, streamed.String())
		require.NotEmpty(t, r.Text)
		texts[name] = r.Text
		return r
	}
	first := run("first", p)
	require.Equal(t, first.Text, run("again", p).Text)
	p.Sampling.Steer = 2
	run("steered", p)
	require.NotEqual(t, texts["first"], texts["steered"])
	p.Sampling.Steer, p.Sampling.Seed = 0, 4
	run("other seed", p)
	require.NotEqual(t, texts["first"], texts["other seed"])
}

// TestZerosAreHonoured: a 0 that has a meaning is not replaced by the default.
func TestZerosAreHonoured(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := api.WriteParams{
		Inference: api.Inference{Model: "model", Source: smallSource, Retrieval: smallRetrieval},
		Context:   []api.Field{{Name: "word", Value: "Telescope"}},
		Sampling:  api.Sampling{Temperature: 2, TopP: new(0.), MaxTokens: new(12)},
	}
	write := func() string {
		var r api.WriteResult
		require.NoError(t, j.client.Call(ctx, "write", p, &r, nil))
		return r.Text
	}
	first := write()
	p.Sampling.Seed = 2
	require.Equal(t, first, write(), "top_p 0 keeps the most likely token alone")
	p.Sampling.Temperature, p.Retrieval.K, p.Retrieval.MaxResponse = 0, new(0), nil
	without := write()
	p.NoHistory, p.Retrieval.K = true, nil
	require.Equal(t, write(), without, "k 0 has no history in the prompt")

	for name, raw := range map[string]string{
		"max_tokens":         `{"model":"model","source":{"history":""},"sampling":{"max_tokens":0}}`,
		"repetition_penalty": `{"model":"model","source":{"history":""},"sampling":{"repetition_penalty":0}}`,
	} {
		err := j.client.Call(ctx, "write", json.RawMessage(raw), nil, nil)
		require.ErrorIs(t, err, fault.OutOfRange)
		require.ErrorContains(t, err, name)
	}

	still := small("sft", "out/still")
	still.Training.LR, still.Training.Epochs = new(0.), new(1.)
	require.NoError(t, j.client.Call(ctx, "personalize", still, nil, nil))
	a, err := weights.ReadAdapter(ctx, j.store, "out/still")
	require.NoError(t, err)
	for _, module := range a.Paths() {
		require.Zero(t, a.UpdateNorm(module), "a learning rate of 0 changes nothing")
	}
}

func TestExplain(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := api.ExplainParams{
		Inference: api.Inference{
			Model: "model", Source: smallSource, Retrieval: api.Retrieval{K: new(2), MaxResponse: new(24)},
		},
		Item:      1,
		Influence: true,
	}
	var r api.ExplainResult
	require.NoError(t, j.client.Call(ctx, "explain", p, &r, nil))
	require.Len(t, r.Items, 2)
	require.NotEmpty(t, r.Tokens)
	var text string
	for _, c := range r.Tokens {
		require.InDelta(t, math.Exp(c.LogpWith)-math.Exp(c.LogpWithout), c.DCE, 1e-5)
		require.Len(t, c.Influence, 2)
		text += c.Text
	}
	require.True(
		t,
		strings.HasPrefix(strings.TrimSpace(r.Text), strings.TrimSpace(strings.TrimSuffix(text, "⏎"))),
		text,
	)

	p.Item, p.Text, p.Context, p.Influence = -1, "A thing of no use.", []api.Field{
		{Name: "word", Value: "Widget"},
	}, false
	require.NoError(t, j.client.Call(ctx, "explain", p, &r, nil))
	require.Equal(t, p.Text, r.Text)
}

// plainWeights is the embedded model as safetensors in F32, whatever its own format is.
func plainWeights(t *testing.T, store blob.Store) []byte {
	source, err := weights.OpenModel(t.Context(), store, "model")
	require.NoError(t, err)
	var tensors []weights.Tensor
	for _, info := range source.Tensors() {
		values, err := source.ReadF32(t.Context(), info.Name)
		require.NoError(t, err)
		tensors = append(tensors, weights.Tensor{Name: info.Name, Shape: info.Shape, Data: values})
	}
	return weights.Encode(tensors, nil)
}

// TestBadInput calls methods with invalid input: each gives a typed error that names the place, and
// earlier results stay complete.
func TestBadInput(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	j.write("out/x/adapter_config.json", "earlier")
	j.write("empty.jsonl", "")
	j.write("latin1.jsonl", "{\"text\":\"caf\xe9\"}\n")
	j.write("one.jsonl", `{"context":{"word":"Ink"},"text":"A compound."}`+"\n")
	j.write("nan/adapter_config.json", `{"peft_type":"LORA"}`)
	raw := plainWeights(t, j.store)
	config, err := blob.ReadAll(ctx, j.store, "model/config.json", 1<<20)
	require.NoError(t, err)
	broken := func(dir string, weights []byte, config string) {
		j.write(dir+"/config.json", config)
		j.write(dir+"/model.safetensors", string(weights))
		tok, err := blob.ReadAll(ctx, j.store, "model/tokenizer.json", 1<<24)
		require.NoError(t, err)
		j.write(dir+"/tokenizer.json", string(tok))
	}
	nan := append([]byte{}, raw...)
	nan[len(nan)-1], nan[len(nan)-2] = 0x7f, 0xc0 // an F32 NaN as the last value
	broken("nan-model", nan, string(config))
	broken("cut-model", raw[:len(raw)-100], string(config))
	broken("other-model", raw, strings.Replace(string(config), `"num_hidden_layers": 4`, `"num_hidden_layers": 5`, 1))

	with := func(change func(*api.PersonalizeParams)) api.PersonalizeParams {
		p := small("contextsft", "out/x")
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		params api.PersonalizeParams
		kind   fault.Kind
		says   string
	}{
		"no such model": {with(func(p *api.PersonalizeParams) { p.Model = "nowhere" }),
			fault.Missing, "nowhere/config.json"},
		"weights cut off": {with(func(p *api.PersonalizeParams) { p.Model = "cut-model" }),
			fault.Malformed, "cut-model/model.safetensors"},
		"weights with NaN": {with(func(p *api.PersonalizeParams) { p.Model = "nan-model" }), fault.NaN, "tensor"},
		"config that lies": {with(func(p *api.PersonalizeParams) { p.Model = "other-model" }),
			fault.Missing, "model.layers.4"},
		"empty history": {with(func(p *api.PersonalizeParams) {
			p.Source = api.Source{History: "empty.jsonl", Heldout: "one.jsonl"}
		}), fault.Missing, "empty.jsonl"},
		"broken UTF-8": {with(func(p *api.PersonalizeParams) { p.Source = api.Source{History: "latin1.jsonl"} }),
			fault.Malformed, "line 1"},
		"one item, no split": {with(func(p *api.PersonalizeParams) { p.Source = api.Source{History: "one.jsonl"} }),
			"", "held-out"},
		"unknown preset": {with(func(p *api.PersonalizeParams) { p.Preset = "dpo" }), fault.Unsupported, "dpo"},
		"expert not named": {with(func(p *api.PersonalizeParams) { p.Preset = "nextquill" }),
			fault.Missing, "expert"},
		"expert not there": {with(func(p *api.PersonalizeParams) { p.Preset, p.Expert = "nextquill", "nowhere" }),
			fault.Missing, "nowhere"},
		"rank 0": {with(func(p *api.PersonalizeParams) { p.LoRA.Rank = new(0) }), fault.OutOfRange, "rank"},
		"unknown target": {with(func(p *api.PersonalizeParams) { p.LoRA.Targets = []string{"qkv_proj"} }),
			fault.Missing, "qkv_proj"},
		"prompt too small": {with(func(p *api.PersonalizeParams) { p.Retrieval.MaxPrompt = new(3) }),
			fault.TooLarge, "prompt"},
		"negative epochs": {with(func(p *api.PersonalizeParams) { p.Training.Epochs = new(-1.) }),
			fault.OutOfRange, "epochs"},
		"alpha 0": {with(func(p *api.PersonalizeParams) { p.LoRA.Alpha = new(0.) }),
			fault.OutOfRange, "alpha"},
		"epochs 0": {with(func(p *api.PersonalizeParams) { p.Training.Epochs = new(0.) }),
			fault.OutOfRange, "epochs"},
		"batch size 0": {with(func(p *api.PersonalizeParams) { p.Training.BatchSize = new(0) }),
			fault.OutOfRange, "batch_size"},
		"no items": {with(func(p *api.PersonalizeParams) { p.Source.MaxItems = new(0) }),
			fault.OutOfRange, "max_items"},
		"NaN": {with(func(p *api.PersonalizeParams) { p.Training.LR = new(math.NaN()) }),
			fault.OutOfRange, "lr"},
		"huge response": {with(func(p *api.PersonalizeParams) { p.Retrieval.MaxResponse = new(1 << 30) }),
			fault.OutOfRange, "max_response"},
	} {
		t.Run(name, func(t *testing.T) {
			err := j.client.Call(ctx, "personalize", c.params, nil, nil)
			var f *fault.Error
			require.True(t, errors.As(err, &f), "%v", err)
			if c.kind != "" {
				require.ErrorIs(t, err, c.kind)
			}
			require.ErrorContains(t, err, c.says)
			require.Zero(t, j.gpu.LiveBuffers())
			earlier, err := blob.ReadAll(ctx, j.store, "out/x/adapter_config.json", 100)
			require.NoError(t, err)
			require.Equal(t, "earlier", string(earlier))
		})
	}
	err = j.client.Call(
		ctx,
		"evaluate",
		api.EvaluateParams{Inference: api.Inference{Model: "model", Adapter: "nan", Source: smallSource}},
		nil,
		nil,
	)
	var f *fault.Error
	require.True(t, errors.As(err, &f), "%v", err)
	for params, says := range map[string]string{
		`{"modle":"model"}`:             `there is no parameter "modle"`,
		`{"training":{"lr":"high"}}`:    "training.lr: string has the wrong type",
		`{"training":{"epochs":1e999}}`: "training.epochs: number 1e999 has the wrong type or is out of range",
		`{"training":{"lr":-1}}`:        "training: lr: -1 (limit 0 to 10)",
		`{"memory":0}`:                  "request: memory: 0 (limit 1 to ",
	} {
		err = j.client.Call(ctx, "personalize", json.RawMessage(params), nil, nil)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "json")
		require.NotContains(t, err.Error(), "Go ")
	}
}

// TestOneItem trains on a single item and tests on one that is longer than the context length: it
// is cut instead of refused.
func TestOneItem(t *testing.T) {
	j := newJob(t)
	j.write("one.jsonl", `{"context":{"word":"Ink"},"text":"A villainous compound.","time":"2024-01-01"}`+"\n")
	j.write(
		"long.jsonl",
		`{"context":{"word":"Long"},"text":"`+strings.Repeat("word ", 3000)+`","time":"2024-02-01"}`+"\n",
	)
	p := small("contextsft", "out/one")
	p.Source = api.Source{History: "one.jsonl", Heldout: "long.jsonl"}
	p.Retrieval = api.Retrieval{}
	p.Training.Epochs = new(1.)
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(context.Background(), "personalize", p, &r, nil))
	require.Equal(t, 1, r.Steps)
}

// TestResumeNamesWhatDiffers interrupts a run and resumes it with one setting changed at a time:
// each is refused by its name, and the run itself can still be resumed.
func TestResumeNamesWhatDiffers(t *testing.T) {
	j := newJob(t)
	p := small("contextsft", "out/r")
	p.Base, p.Training.Epochs = "f32", new(1.)
	ctx, cancel := context.WithCancel(t.Context())
	err := j.client.Call(ctx, "personalize", p, nil, func(name string, _ json.RawMessage) {
		if name == "checkpoint" {
			cancel()
		}
	})
	require.ErrorIs(t, err, fault.Cancelled)

	raw := plainWeights(t, j.store)
	j.write("altered/model.safetensors", string(raw))
	for _, name := range []string{"config.json", "tokenizer.json", "tokenizer_config.json"} {
		file, err := blob.ReadAll(t.Context(), j.store, "model/"+name, 1<<24)
		require.NoError(t, err)
		j.write("altered/"+name, string(file))
	}
	yes := true
	for says, change := range map[string]func(*api.PersonalizeParams){
		`base (saved "f32", now "q4")`: func(p *api.PersonalizeParams) { p.Base = "q4" },
		"lr (saved 0.002, now 0.003)":  func(p *api.PersonalizeParams) { p.Training.LR = new(3e-3) },
		"seed (saved 0, now 9)":        func(p *api.PersonalizeParams) { p.Training.Seed = 9 },
		"alpha (saved 8, now 5)":       func(p *api.PersonalizeParams) { p.LoRA.Alpha = new(5.) },
		"rank (saved 4, now 2)":        func(p *api.PersonalizeParams) { p.LoRA.Rank = new(2) },
		"targets (saved down_proj,gate_proj,k_proj,o_proj,q_proj,up_proj,v_proj, now q_proj,v_proj)": func(
			p *api.PersonalizeParams) {
			p.LoRA.Targets = []string{"v_proj", "q_proj"}
		},
		"clip (saved 1, now 0)": func(p *api.PersonalizeParams) { p.Training.Clip = new(0.) },
		"decay (saved cosine, now linear), warmup (saved 0.1, now 0)": func(p *api.PersonalizeParams) {
			p.Training.Decay, p.Training.Warmup = api.DecayLinear, new(0.)
		},
		"objective.alpha (saved 0, now 0.1), objective.counterfactual_grad (saved false, now true)": func(
			p *api.PersonalizeParams) {
			p.Preset = "mce"
		},
		"training samples": func(p *api.PersonalizeParams) { p.Source.MaxItems = new(2) },
		"model":            func(p *api.PersonalizeParams) { p.Model = "altered" },
	} {
		other := p
		other.Resume = true
		change(&other)
		err := j.client.Call(t.Context(), "personalize", other, nil, nil)
		require.ErrorIs(t, err, fault.Mismatch, says)
		require.ErrorContains(t, err, "checkpoint: "+says+": not the same as in the run")
	}
	p.Resume, p.Training.Recompute = true, &yes // does not change the result
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(t.Context(), "personalize", p, &r, nil))
	require.Positive(t, r.Resumed)
}

// TestAdapterKnowsHowItWasMade checks that an adapter records its template and base, and that using
// it on another base gives a warning.
func TestAdapterKnowsHowItWasMade(t *testing.T) {
	j := newJob(t)
	p := small("contextsft", "out/made")
	p.Training.Epochs, p.Base = new(1.), "q8"
	j.call("personalize", p, nil)
	made, err := weights.ReadProvenance(t.Context(), j.store, "out/made")
	require.NoError(t, err)
	require.Equal(t, weights.Provenance{Template: "plain", Base: "q8"}, made)

	eval := api.EvaluateParams{
		Inference: api.Inference{Model: "model", Adapter: "out/made", Source: smallSource, Retrieval: smallRetrieval},
	}
	for base, wants := range map[string]int{"q8": 0, "q4": 1} {
		eval.Base = base
		var told []api.AdapterEvent
		require.NoError(t, j.client.Call(t.Context(), "evaluate", eval, nil, func(name string, raw json.RawMessage) {
			if name == "adapter" {
				var e api.AdapterEvent
				require.NoError(t, json.Unmarshal(raw, &e))
				told = append(told, e)
			}
		}))
		require.Len(t, told, wants)
		if wants > 0 {
			require.Equal(
				t,
				api.AdapterEvent{
					Event:           "adapter",
					Adapter:         "out/made",
					Template:        "plain",
					Base:            "q4",
					TrainedTemplate: "plain",
					TrainedBase:     "q8",
				},
				told[0],
			)
		}
	}
}
