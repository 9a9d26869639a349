package diag

import (
	"context"
	"time"

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
	one, err := m.NewDecoder(*j.decodeSpec(false))
	if err != nil {
		return nil, err
	}
	defer one.Free()
	two, err := m.NewDecoder(*j.decodeSpec(true))
	if err != nil {
		return nil, err
	}
	defer two.Free()
	out := &api.DecodeBench{Dispatches: one.Dispatches()}
	for range j.repeats() {
		if err := j.tokenSpeed(ctx, one, prompt, &out.TokensPS); err != nil {
			return nil, err
		}
		if err := j.tokenSpeed(ctx, two, prompt, &out.SteeredPS); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tokenSpeed raises best to the tokens per second after a prompt and a first token, which compiles.
func (j *benchJob) tokenSpeed(ctx context.Context, d *model.Decoder, prompt []int32, best *float64) error {
	greedy := kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}
	err := d.Start(ctx, prompt, prompt[:len(prompt)/2+1], greedy, 0, nil)
	var begun time.Time
	for n := 0; n <= decodeTokens && err == nil; n++ {
		if err = d.Next(ctx, 0); n == 0 && err == nil {
			err = j.GPU.Wait(ctx)
			begun = j.Now()
		}
	}
	if err == nil {
		err = j.GPU.Wait(ctx)
	}
	*best = max(*best, decodeTokens/j.Now().Sub(begun).Seconds())
	return err
}
