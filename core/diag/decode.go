package diag

import (
	"context"
	"math/rand/v2"
	"slices"

	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
)

// decodeRun says what timeDecode writes.
type decodeRun struct {
	with, without []int32 // prompts; without is nil for one branch
	tokens, runs  int
	check         func() error // called before each run; may be nil
}

// benchDecode answers "bench-decode".
func benchDecode(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.BenchDecodeParams
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	m, err := env.OpenModel(ctx, p.Model, "", model.LoadOptions{Base: p.Base})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	return timeDecode(ctx, env, m.Model, decodeRun{
		with: p.Prompt, tokens: api.Or(p.Tokens, 32), runs: api.Or(p.Repeats, 1),
	})
}

// randomPrompts is a run of random prompts of this length: 32 tokens, three times.
func randomPrompts(vocab, length int, dual bool) decodeRun {
	rng := rand.New(rand.NewPCG(1, 1))
	r := decodeRun{with: randomIDs(rng, length, vocab), tokens: 32, runs: 3}
	if dual {
		r.without = randomIDs(rng, length, vocab)
	}
	return r
}

// spec is the size of the decoder.
func (r decodeRun) spec() model.DecodeSpec {
	return model.DecodeSpec{MaxPrompt: len(r.with) + len(r.without), MaxNew: r.tokens + 1, Dual: r.without != nil}
}

// timeDecode measures writing, by the median of several runs. One more run before them compiles the
// shaders.
func timeDecode(ctx context.Context, env *engine.Env, m *model.Model, r decodeRun) (api.DecodeBench, error) {
	b := api.DecodeBench{Branches: 1, Prompt: len(r.with), Tokens: r.tokens}
	if r.without != nil {
		b.Branches = 2
	}
	d, err := m.NewDecoder(r.spec())
	if err != nil {
		return b, err
	}
	defer d.Free()
	b.Dispatches = d.Dispatches()
	var prompt, token []float64
	for run := range r.runs + 1 {
		if r.check != nil {
			if err := r.check(); err != nil {
				return b, err
			}
		}
		begun := env.Now()
		sampling := kernels.SampleParams{TopP: 1, RepetitionPenalty: 1}
		if err := d.Start(ctx, r.with, r.without, sampling, 1, nil); err != nil {
			return b, err
		}
		if err := env.GPU.Wait(ctx); err != nil {
			return b, err
		}
		first := env.Now()
		for range r.tokens {
			if err := d.Next(ctx, 1); err != nil {
				return b, err
			}
		}
		sampled, err := d.Sampled(ctx, 0) // waits for the last token
		if err != nil {
			return b, err
		}
		if run == 0 {
			continue
		}
		prompt = append(prompt, first.Sub(begun).Seconds())
		token = append(token, env.Now().Sub(first).Seconds()/float64(r.tokens))
		b.IDs = b.IDs[:0]
		for _, s := range sampled {
			b.IDs = append(b.IDs, int32(s.ID))
		}
	}
	b.PromptSeconds, b.TokenSeconds = median(prompt), median(token)
	return b, nil
}

// median sorts values and returns the middle one.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
