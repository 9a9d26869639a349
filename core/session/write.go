package session

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"nextquill/core/generate"
	"nextquill/core/history"
	"nextquill/core/kernels"
)

func init() { Register("write", serveWrite) }

func serveWrite(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p WriteParams
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	m, data, err := openTask(ctx, env, p.Model, p.Adapter, p.Source, p.Template, p.Retrieval)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	items, at := history.WithQuery(data.items, fieldsOf(p.Context))
	var chosen []int
	if !p.NoHistory {
		chosen = data.retrieve.Select(items, at, data.k)
	}
	prompt, err := data.prompt(items, items[at].Context, chosen)
	if err != nil {
		return nil, err
	}
	s := p.Sampling
	o := generate.Options{
		Sampling: kernels.SampleParams{
			Temperature: float32(s.Temperature), TopK: uint32(max(0, s.TopK)), TopP: float32(cmp.Or(s.TopP, 1)),
			RepetitionPenalty: float32(cmp.Or(s.RepetitionPenalty, 1)), Steer: float32(s.Steer), End: []uint32{uint32(data.eos)},
		},
		Seed: s.Seed, SubmitFlops: submitFlops(env.GPU.Info()),
		MaxTokens: min(cmp.Or(s.MaxTokens, 64), m.Config.MaxPositions-max(len(prompt.with), len(prompt.without))),
	}
	if !env.GPU.Info().CPU {
		// A look at the tokens waits for the device: worth sharing on a real GPU.
		o.ReadEvery = 4
	}
	begun := env.Now()
	first := true
	r, err := generate.Stream(ctx, m.Model, data.tok, prompt.with, prompt.without, o, func(text string) error {
		if first {
			// The template's space between label and response is no part of the text.
			text = strings.TrimPrefix(text, " ")
			first = false
		}
		if text == "" {
			return nil
		}
		return env.Emit(TokenEvent{Event: "token", Text: text})
	})
	if err != nil {
		return nil, err
	}
	w := WriteResult{Text: strings.TrimPrefix(r.Text, " "), Tokens: len(r.IDs), Stopped: "length"}
	if r.Ended {
		w.Stopped = "eos"
	}
	if sec := env.Now().Sub(begun).Seconds(); sec > 0 {
		w.TokensPS = float64(len(r.IDs)) / sec
	}
	return w, nil
}
