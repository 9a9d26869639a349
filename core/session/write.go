package session

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"nextquill/core/api"
	"nextquill/core/chat"
	"nextquill/core/fault"
	"nextquill/core/generate"
	"nextquill/core/history"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
)

func init() { Register("write", serveWrite) }

// writeJob is a request of "write".
type writeJob struct{ api.WriteParams }

func serveWrite(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p writeJob
	if err := Decode(params, &p.WriteParams); err != nil {
		return nil, err
	}
	s := p.Sampling
	var prompt prompt
	most := 0
	template := p.Template
	if len(p.Messages) == 0 { // a conversation has a layout of its own
		template = learntTemplate(ctx, env, p.Adapter, template)
	}
	m, data, err := openTask(ctx, env, p.Model, p.Adapter, p.Source, template, p.Retrieval, p.Loading, func(d *dataset, cfg weights.Config) (n model.Needs, err error) {
		if prompt, err = p.prompt(d); err != nil {
			return n, err
		}
		most = min(cmp.Or(s.MaxTokens, 64), cfg.MaxPositions-max(len(prompt.with), len(prompt.without)))
		n.Decode = generate.DecodeSpec(prompt.with, prompt.without, max(1, most), s.Steer != 0)
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	var ends []uint32
	for _, id := range data.layout.ends()[:min(maxEnds, len(data.layout.ends()))] {
		ends = append(ends, uint32(id))
	}
	o := generate.Options{
		Sampling: kernels.SampleParams{
			Temperature: float32(s.Temperature), TopK: uint32(max(0, s.TopK)), TopP: float32(cmp.Or(s.TopP, 1)),
			RepetitionPenalty: float32(cmp.Or(s.RepetitionPenalty, 1)), Steer: float32(s.Steer), End: ends,
		},
		Seed: s.Seed, SubmitFlops: submitFlops(env.GPU.Info()),
		MaxTokens: most,
	}
	if !env.GPU.Info().CPU {
		// A look at the tokens waits for the device: worth sharing on a real GPU.
		o.ReadEvery = 4
	}
	begun := env.Now()
	first := true
	// The space between what precedes a response and its first word is no part of
	// the text.
	r, err := generate.Stream(ctx, m.Model, data.tok, prompt.with, prompt.without, o, func(text string) error {
		if first {
			text = strings.TrimPrefix(text, " ")
			first = false
		}
		if text == "" {
			return nil
		}
		return env.Emit(api.TokenEvent{Event: "token", Text: text})
	})
	if err != nil {
		return nil, err
	}
	w := api.WriteResult{Text: strings.TrimPrefix(r.Text, " "), Tokens: len(r.IDs), Stopped: "length"}
	if r.Ended {
		w.Stopped = "eos"
	}
	if sec := env.Now().Sub(begun).Seconds(); sec > 0 {
		w.TokensPS = float64(len(r.IDs)) / sec
	}
	return w, nil
}

// prompt is the conversation so far, or the request with the writer's history.
func (p *writeJob) prompt(d *dataset) (prompt, error) {
	if len(p.Messages) > 0 {
		return p.conversation(d)
	}
	items, at := history.WithQuery(d.items, fieldsOf(p.Context))
	var chosen []int
	if !p.NoHistory {
		chosen = d.retrieve.Select(items, at, d.k)
	}
	return d.prompt(items, items[at].Context, chosen)
}

func (p *writeJob) conversation(d *dataset) (prompt, error) {
	l, ok := d.layout.(*chatLayout)
	switch {
	case !ok && p.Template != "":
		return prompt{}, fault.New(fault.Mismatch, "write", "messages", "cannot be laid out by the template %s", fault.Quote(p.Template)).
			WithRemedy("leave the template out")
	case !ok:
		return prompt{}, fault.New(fault.Missing, p.Model, chat.ConfigName, "there is no chat template").
			WithRemedy("use a model that was taught to chat")
	case p.Source.History != "" || len(p.Context) > 0 || p.Sampling.Steer != 0:
		return prompt{}, fault.New(fault.Mismatch, "write", "messages", "come with a source, a context or steering").
			WithRemedy("give either a conversation or a request with a history")
	}
	turns := make([]chat.Message, len(p.Messages))
	for i, m := range p.Messages {
		turns[i] = chat.Message(m)
	}
	ids, err := l.conversation(turns)
	if err == nil && len(ids) == 0 {
		err = fault.New(fault.Missing, "write", "messages", "nothing to answer").WithRemedy("end with a turn of the user")
	}
	if err == nil && len(ids) > d.maxPrompt {
		err = fault.New(fault.TooLarge, "write", "messages", "take %d tokens", len(ids)).WithLimit("%d", d.maxPrompt).
			WithRemedy("leave out the oldest turns")
	}
	return prompt{with: ids, without: ids}, err
}
