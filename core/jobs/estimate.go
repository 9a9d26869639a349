package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// estimate estimates the memory for writing and for training.
func estimate(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	p := api.EstimateParams{Preset: "nextquill-code"}
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	o, err := causal.Preset(p.Preset)
	if err != nil {
		return nil, err
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, err
	}
	var r api.EstimateResult
	length := min(cfg.MaxPositions, 2048)
	decode := model.DecodeSpec{MaxPrompt: length - length/4, MaxNew: length / 4}
	r.Write, err = env.Estimate(ctx, engine.Workload{
		Dir: p.Model, Options: model.LoadOptions{Base: p.Base},
		Needs: func(bool, int) []model.Needs { return []model.Needs{{Decode: &decode}} },
	}, false, 0)
	if err != nil {
		return nil, err
	}
	r.Train, err = env.Plan(ctx, p.Loading, engine.Workload{
		Dir: p.Model, Options: model.LoadOptions{Base: p.Base, Full: p.Full},
		Needs: func(recompute bool, budget int) []model.Needs {
			n := model.Needs{Steps: []model.StepSpec{{
				MaxTokens: budget, MaxResponses: max(1, budget/4),
				Objective: o, Dual: o.Dual(), Backward: true, Recompute: recompute,
			}}}
			if !p.Full {
				n.LoRA = engine.LoRASpec(p.LoRA)
			}
			return []model.Needs{n}
		},
		Trains: true, Recompute: p.Training.Recompute,
		TokenBudget: api.Or(p.Training.TokenBudget, api.DefaultTokenBudget),
	})
	return r, err
}
