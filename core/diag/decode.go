package diag

import (
	"context"
	"math/rand/v2"
	"slices"

	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

const (
	decodePrompt = 128 // tokens of each branch
	decodeTokens = 32  // generated tokens of a run
	decodeRuns   = 3
)

// timeDecode measures writing with one branch, or with two as with steering. The first run compiles
// the shaders and is not counted.
func timeDecode(ctx context.Context, env *engine.Env, m *model.Model, dual bool) (api.DecodeBench, error) {
	b := api.DecodeBench{Branches: 1, Prompt: decodePrompt, Tokens: decodeTokens}
	spec := model.DecodeSpec{MaxPrompt: decodePrompt, MaxNew: decodeTokens + 1, Dual: dual}
	if dual {
		b.Branches, spec.MaxPrompt = 2, 2*decodePrompt
	}
	d, err := m.NewDecoder(spec)
	if err != nil {
		return b, err
	}
	defer d.Free()
	rng := rand.New(rand.NewPCG(1, 1))
	with, without := randomIDs(rng, decodePrompt, m.Config.VocabSize), randomIDs(rng, decodePrompt, m.Config.VocabSize)
	var prompt, token []float64
	for run := range decodeRuns + 1 {
		begun := env.Now()
		if err := d.Start(ctx, with, without, kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}, 1, nil); err != nil {
			return b, err
		}
		if err := env.GPU.Wait(ctx); err != nil {
			return b, err
		}
		first := env.Now()
		for range decodeTokens {
			if err := d.Next(ctx, 1); err != nil {
				return b, err
			}
		}
		if err := env.GPU.Wait(ctx); err != nil {
			return b, err
		}
		if run > 0 {
			prompt = append(prompt, first.Sub(begun).Seconds())
			token = append(token, env.Now().Sub(first).Seconds()/decodeTokens)
		}
	}
	b.PromptSeconds, b.TokenSeconds = median(prompt), median(token)
	return b, nil
}

// median sorts values and returns the middle one; their number is odd.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
