package jobs

import (
	"context"
	"strings"

	"nextquill/core/api"
	"nextquill/core/chat"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/generate"
	"nextquill/core/history"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// write generates a text.
func write(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.WriteParams
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	var prompt dataset.Prompt
	length := 0 // limit of the text in tokens
	prepare := func(d *dataset.Dataset, cfg weights.Config) (n model.Needs, err error) {
		if prompt, err = writePrompt(d, &p); err != nil {
			return n, err
		}
		room := cfg.MaxPositions - max(len(prompt.With), len(prompt.Without))
		length = min(api.Or(p.Sampling.MaxTokens, 64), room)
		n.Decode = generate.DecodeSpec(prompt.With, prompt.Without, max(1, length), p.Sampling.Steer != 0)
		return n, nil
	}
	template := p.Template
	if len(p.Messages) == 0 { // a conversation has a layout of its own
		template = env.TrainedTemplate(ctx, p.Adapter, template)
	}
	m, err := openInference(ctx, env, p.Inference, template, prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	begun := env.Now()
	first := true
	// The space between the prompt and the first word is not part of the text.
	r, err := generate.Stream(ctx, m.Model, m.data.Tokenizer, prompt.With, prompt.Without,
		writeOptions(env, m, p.Sampling, length), func(text string) error {
			if first {
				text = strings.TrimPrefix(text, " ")
				first = false
			}
			if text == "" {
				return nil
			}
			return env.Emit(api.TokenEvent{Event: api.EventToken, Text: text})
		})
	if err != nil {
		return nil, err
	}
	w := api.WriteResult{Text: strings.TrimPrefix(r.Text, " "), Tokens: len(r.IDs), Stopped: api.StoppedLength}
	if r.Ended {
		w.Stopped = api.StoppedEOS
	}
	if sec := env.Now().Sub(begun).Seconds(); sec > 0 {
		w.TokensPS = float64(len(r.IDs)) / sec
	}
	return w, nil
}

// writeOptions are the options of the generator.
func writeOptions(env *engine.Env, m *inference, s api.Sampling, length int) generate.Options {
	o := generate.Options{
		Sampling: kernels.SampleParams{
			Temperature: float32(s.Temperature), TopK: uint32(s.TopK), TopP: float32(api.Or(s.TopP, 1)),
			RepetitionPenalty: float32(api.Or(s.RepetitionPenalty, 1)), Steer: float32(s.Steer),
		},
		Ends: m.data.Ends(), Seed: s.Seed, MaxTokens: length, Datastore: m.datastore,
	}
	progress := progressEvents(env, api.StageWrite)
	o.Progress = func(share float64) { progress(share, 1) }
	return o
}

// writePrompt is the conversation so far, or the request with the writer's history.
func writePrompt(d *dataset.Dataset, p *api.WriteParams) (dataset.Prompt, error) {
	if len(p.Messages) > 0 {
		return conversation(d, p)
	}
	items, at := history.WithQuery(d.Items, dataset.Fields(p.Context))
	var chosen []int
	if !p.NoHistory {
		chosen = d.Select(items, at)
	}
	return d.Prompt(items, items[at].Context, chosen)
}

// conversation is the prompt for Messages, which excludes a source, a context and steering.
func conversation(d *dataset.Dataset, p *api.WriteParams) (dataset.Prompt, error) {
	where := func(k fault.Kind, format string, args ...any) *fault.Error {
		return fault.New(k, "write", "messages", format, args...)
	}
	switch {
	case !d.Chats() && p.Template != "":
		return dataset.Prompt{}, where(fault.Mismatch, "cannot be formatted with the template %s",
			fault.Quote(p.Template)).
			WithRemedy("leave the template out")
	case !d.Chats():
		return dataset.Prompt{}, fault.New(fault.Missing, p.Model, chat.ConfigName, "there is no chat template").
			WithRemedy("use a model that was trained to chat")
	case p.Source.History != "" || len(p.Context) > 0 || p.Sampling.Steer != 0:
		return dataset.Prompt{}, where(fault.Mismatch, "cannot be combined with a source, a context or steering").
			WithRemedy("give either a conversation or a request with a history")
	}
	ids, err := d.Conversation(p.Messages)
	if err == nil && len(ids) == 0 {
		err = where(fault.Missing, "nothing to answer").WithRemedy("end with a turn of the user")
	}
	if err == nil && len(ids) > d.MaxPrompt {
		err = where(fault.TooLarge, "take %d tokens", len(ids)).WithLimit("%d", d.MaxPrompt).
			WithRemedy("leave out the oldest turns")
	}
	return dataset.Prompt{With: ids, Without: ids}, err
}
