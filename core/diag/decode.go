package diag

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// decodeTokens is the number of tokens that are timed.
const decodeTokens = 16

// decodeSpec is the size of a decoder for the start of the benchmark sample.
func (j *benchJob) decodeSpec(dual bool) *model.DecodeSpec {
	return &model.DecodeSpec{MaxPrompt: 2 * j.request.Prefix, MaxNew: decodeTokens + 2, Dual: dual}
}

// decode times tokens with one branch and with two, in turns. The fastest turn of each counts.
func (j *benchJob) decode(ctx context.Context, m *model.Model) (*api.DecodeBench, error) {
	prompt := j.randomSample(m.Config.VocabSize).With[:j.request.Prefix]
	var out api.DecodeBench
	var decoders []*model.Decoder
	defer func() {
		for _, d := range decoders {
			d.Free()
		}
	}()
	for _, dual := range []bool{false, true} {
		d, err := m.NewDecoder(*j.decodeSpec(dual))
		if err != nil {
			return nil, err
		}
		decoders = append(decoders, d)
	}
	out.Dispatches = decoders[0].Dispatches()
	for turn := range j.repeats() {
		event := api.StageEvent{Event: api.EventStage, Stage: api.StageWrite, Done: turn, Total: j.repeats()}
		if err := j.Emit(event); err != nil {
			return nil, err
		}
		for i, rate := range []*float64{&out.TokensPS, &out.SteeredPS} {
			speed, err := j.tokenSpeed(ctx, decoders[i], prompt)
			if err != nil {
				return nil, err
			}
			*rate = max(*rate, speed)
		}
	}
	return &out, nil
}

// tokenSpeed returns the tokens per second after a prompt and a first token, which compiles.
func (j *benchJob) tokenSpeed(ctx context.Context, d *model.Decoder, prompt []int32) (float64, error) {
	greedy := kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}
	if err := d.Start(ctx, prompt, prompt[:len(prompt)/2+1], greedy, 0, nil); err != nil {
		return 0, err
	}
	if err := d.Next(ctx, 0); err != nil {
		return 0, err
	}
	if err := j.GPU.Wait(ctx); err != nil {
		return 0, err
	}
	begun := j.Now()
	for range decodeTokens {
		if err := d.Next(ctx, 0); err != nil {
			return 0, err
		}
	}
	err := j.GPU.Wait(ctx)
	return decodeTokens / j.Now().Sub(begun).Seconds(), err
}
