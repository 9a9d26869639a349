package main

import (
	"context"
	"path/filepath"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/weights"
)

const (
	stepTokens    = 256 // of a sequence
	stepResponses = 64  // its last tokens, which have a loss
	stepRank      = 8   // of LoRA, on all linear layers
)

// stepTable compares LoRA training steps on one model.
type stepTable struct {
	model  string
	ours   []float64 // seconds
	theirs []float64
	peer   string
}

// hfConfig is the config.json of a Llama with these sizes.
func hfConfig(c weights.Config) map[string]any {
	return map[string]any{
		"hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"vocab_size": c.VocabSize, "rms_norm_eps": c.RMSNormEps, "rope_theta": c.RopeTheta,
		"tie_word_embeddings": c.TieEmbeddings, "max_position_embeddings": c.MaxPositions,
	}
}

// compareSteps times steps of our core and of PyTorch in turns. The first step of each compiles or
// allocates, and is not counted.
func compareSteps(ctx context.Context, o options, root string, c api.Client, files blob.Store, name, dir string) (
	*stepTable, error,
) {
	config, err := weights.ReadModelConfig(ctx, files, dir)
	if err != nil {
		return nil, err
	}
	setup := map[string]any{"threads": o.Threads, "rank": stepRank, "config": hfConfig(config)}
	script := filepath.Join(root, "web/benchpeers/step.py")
	torch, err := start(ctx, o.Out, nil, setup, filepath.Join(o.Venv, "bin/python"), script)
	if err != nil {
		return nil, err
	}
	defer torch.close()
	t := &stepTable{model: name, peer: torch.name}
	ids := make([]int32, stepTokens)
	for i := range ids {
		ids[i] = int32(7919 * i % config.VocabSize)
	}
	for round := range o.Rounds + 1 {
		var b api.BenchResult
		params := api.BenchParams{
			Model: dir, LoRA: api.LoRA{Rank: new(stepRank), Alpha: new(2. * stepRank)}, Presets: []string{"contextsft"},
			Prefix: 64, History: stepTokens - stepResponses - 96, Suffix: 32, Response: stepResponses,
			Repeats: new(1), StepsOnly: true,
		}
		if err := c.Call(ctx, api.MethodBench, params, &b, nil); err != nil {
			return nil, err
		}
		var theirs struct {
			Seconds float64 `json:"seconds"`
		}
		if err := torch.ask(map[string]any{"ids": ids, "responses": stepResponses}, &theirs); err != nil {
			return nil, err
		}
		if round > 0 {
			t.ours, t.theirs = append(t.ours, b.Steps[0].Seconds), append(t.theirs, theirs.Seconds)
		}
	}
	return t, nil
}
