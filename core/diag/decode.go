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

// decode times tokens with one branch, then with two. The fastest of several runs counts.
func (j *benchJob) decode(ctx context.Context, m *model.Model) (*api.DecodeBench, error) {
	out := &api.DecodeBench{}
	prompt := j.randomSample(m.Config.VocabSize).With[:j.request.Prefix]
	for _, dual := range []bool{false, true} {
		d, err := m.NewDecoder(*j.decodeSpec(dual))
		if err != nil {
			return nil, err
		}
		best := 0.
		for range j.repeats() {
			best = max(best, j.tokenSpeed(ctx, d, prompt, &err))
		}
		if out.SteeredPS = best; !dual {
			out.TokensPS, out.Dispatches = best, d.Dispatches()
		}
		d.Free()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tokenSpeed returns the tokens per second after a prompt and a first token, which compiles. err is
// the first error.
func (j *benchJob) tokenSpeed(ctx context.Context, d *model.Decoder, prompt []int32, err *error) float64 {
	if *err == nil {
		greedy := kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}
		*err = d.Start(ctx, prompt, prompt[:len(prompt)/2+1], greedy, 0, nil)
	}
	begun := j.Now()
	for n := 0; n <= decodeTokens && *err == nil; n++ {
		if *err = d.Next(ctx, 0); *err == nil && (n == 0 || n == decodeTokens) {
			*err = j.GPU.Wait(ctx)
		}
		if n == 0 {
			begun = j.Now()
		}
	}
	return decodeTokens / j.Now().Sub(begun).Seconds()
}
