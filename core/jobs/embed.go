package jobs

import (
	"context"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// maxVectors bounds the vectors of one call in bytes.
const maxVectors = 256 << 20

// embedJob is a request of "embed" with what is derived from it.
type embedJob struct {
	request api.EmbedParams
	result  api.EmbedResult
	samples []causal.Sample
	// skip is 1 if the first head row of a sample is that of BOS, which is no token of the text.
	skip int
}

// embed computes the final hidden states of texts.
func embed(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &embedJob{}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	p := &j.request
	if err := j.encode(ctx, env); err != nil {
		return nil, err
	}
	needs := model.Needs{Encode: encodeNeeds(j.samples)}
	if err := env.CheckInference(ctx, p.Loading, p.Model, p.Adapter, needs); err != nil {
		return nil, err
	}
	m, err := env.OpenModel(ctx, p.Model, p.Adapter, model.LoadOptions{Base: p.Base})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	vectors, err := j.run(ctx, env, m.Model)
	if err != nil {
		return nil, err
	}
	return j.result, env.Blobs.Write(ctx, p.Out, gpu.F32Bytes(vectors))
}

// encode turns texts into samples whose head rows are the tokens of the text: the sample's prompt
// is BOS, or the first token, and its last response token is not packed.
func (j *embedJob) encode(ctx context.Context, env *engine.Env) error {
	p := &j.request
	if len(p.Texts) == 0 || len(p.Texts) > api.MaxTexts {
		return fault.New(fault.OutOfRange, "embed", "texts", "%d of them", len(p.Texts)).
			WithLimit("1 to %d", api.MaxTexts)
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return err
	}
	tok, err := env.Tokenizer(ctx, p.Model)
	if err != nil {
		return err
	}
	j.result.Width = cfg.HiddenSize
	if cfg.BOS >= 0 {
		j.skip = 1
	}
	rows := 0
	for i, text := range p.Texts {
		if err := env.Pause(ctx); err != nil {
			return err
		}
		ids := tok.Encode(text)
		if len(ids) == 0 {
			return fault.New(fault.Missing, "embed", fmt.Sprintf("texts[%d]", i), "has no tokens").
				WithRemedy("leave empty texts out")
		}
		if most := cfg.MaxPositions - j.skip; len(ids) > most {
			ids = ids[:most]
			j.result.Cut++
		}
		n := len(ids)
		if j.skip == 1 {
			ids = append([]int32{cfg.BOS}, ids...)
		}
		s := causal.Sample{With: ids[:1:1], Without: ids[:1:1], Response: append(ids[1:len(ids):len(ids)], ids[0])}
		if err := s.Check(fmt.Sprintf("text %d", i), cfg.VocabSize); err != nil {
			return err
		}
		j.samples = append(j.samples, s)
		if !p.Tokens {
			n = 1
		}
		j.result.Rows = append(j.result.Rows, n)
		rows += n
	}
	if int64(rows)*int64(4*cfg.HiddenSize) > maxVectors {
		return fault.New(fault.TooLarge, "embed", "texts", "give %d vectors of %d values", rows, cfg.HiddenSize).
			WithLimit("%d bytes", maxVectors).WithRemedy("embed fewer texts at a time")
	}
	return nil
}

// run returns the vectors of all texts.
func (j *embedJob) run(ctx context.Context, env *engine.Env, m *model.Model) ([]float32, error) {
	var out []float32
	left := j.samples
	err := encodeSamples(ctx, env, m, j.samples, api.StageEmbed, func(p *causal.Packed, states []float32) {
		for _, s := range left[:p.Samples] {
			size := len(s.Response) * j.result.Width
			out = append(out, j.vectors(states[:size])...)
			states = states[size:]
		}
		left = left[p.Samples:]
	})
	return out, err
}

// vectors are the vectors of a text with these states.
func (j *embedJob) vectors(states []float32) []float32 {
	width := j.result.Width
	states = states[j.skip*width:]
	if j.request.Tokens {
		return states
	}
	mean := make([]float32, width)
	n := float32(len(states) / width)
	for i, v := range states {
		mean[i%width] += v / n
	}
	return mean
}
