package model

import (
	"math"

	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// vocabChunk is the number of logit columns that exist at a time. The head is a loop over chunks of
// the vocabulary: a matrix product, then a kernel that reduces the chunk to a few numbers per
// token. So no buffer grows with vocabulary × tokens.
const vocabChunk = 1024

// lossTensors are the results of the head, a few numbers per response token.
type lossTensors struct {
	state  *gpu.Tensor // log-sum-exps and target logits
	tokens *gpu.Tensor // kernels.TokenWidth per response token
	coef   *gpu.Tensor // factors of the gradients
	sums   *gpu.Tensor // ring of SumSlots sums
	// logits are those of the forward pass when the vocabulary is one chunk: the backward pass
	// reuses them. nil with more chunks.
	logits *gpu.Tensor
	// points and mixed are the mixtures of StepSpec.Points and their log-sum-exps; nil without.
	points, mixed *gpu.Tensor
	// recalled are the sums of the datastore, starts the first response token of the sample of
	// each; nil without a datastore.
	recalled, starts *gpu.Tensor
}

// chunks calls f for every chunk of the vocabulary: first column, columns, head weight.
func (p *pass) chunks(f func(c0, cols int, w *gpu.Tensor)) {
	for _, part := range p.m.head.parts {
		for at := 0; at < part.rows; at += vocabChunk {
			c0, cols := part.first+at, min(vocabChunk, part.rows-at)
			f(c0, cols, p.m.head.slice(part, c0, cols))
		}
	}
}

func (p *pass) headStride() int { return kernels.RowStride(min(vocabChunk, p.m.Config.VocabSize)) }

// logits records one chunk z [rows, stride] = hs·Wᵀ.
func (p *pass) logits(cols int, hs, w *gpu.Tensor) *gpu.Tensor {
	z := p.temp("logits chunk", p.queries, p.headStride())
	p.plan.Add(kernels.LinearForward(p.m.tune, kernels.LinearSpec{
		Rows: p.queries.rows, In: p.m.Config.HiddenSize, Out: cols, OutStride: p.headStride(), Format: p.m.head.format,
	}, hs, w, z, nil, nil))
	return z
}

// headForward records the head and the loss for the normalized hidden states hs [rows, hidden], in
// the order of Packed.Order: token records, sums and the factors of the gradients.
func (p *pass) headForward(spec StepSpec, hs *gpu.Tensor, t *lossTensors) {
	o, dual := spec.Objective, spec.Dual
	p.plan.Add(kernels.HeadInit(dual, t.state))
	p.chunks(func(c0, cols int, w *gpu.Tensor) {
		z := p.logits(cols, hs, w)
		p.plan.Add(kernels.HeadReduce(dual, c0, cols, p.headStride(), z, p.in.targets, t.state, p.rowForm()))
		if n := len(spec.Points); n > 0 {
			p.plan.Add(kernels.HeadPoints(dual, n, c0, cols, p.headStride(), z, p.in.targets, t.points, t.mixed))
		}
		if cols == p.m.Config.VocabSize {
			t.logits = z
		}
	})
	p.plan.Add(kernels.TokenStats(dual, t.state, t.tokens))
	p.plan.Add(kernels.TokenWeights(weightSpec(o, dual), p.in.expert, t.tokens))
	p.plan.Add(kernels.WeightSums(float32(o.Delta), erasedShare(o, dual), t.tokens, t.sums))
	p.plan.Add(kernels.LossCoefs(kernels.CoefSpec{Dual: dual, Alpha: float32(o.Alpha)}, t.tokens, t.sums, t.coef))
}

// headBackward records the gradient of hs, which it returns, and of the head's weight when that
// trains.
func (p *pass) headBackward(o causal.Options, dual bool, hs *gpu.Tensor, t *lossTensors) *gpu.Tensor {
	hidden := p.m.Config.HiddenSize
	dhs := p.temp("dhidden", p.queries, hidden)
	p.chunks(func(c0, cols int, w *gpu.Tensor) {
		z := t.logits
		if z == nil {
			z = p.logits(cols, hs, w)
		}
		grad := kernels.HeadGradSpec{Dual: dual, Counterfactual: o.CounterfactualGrad, Erased: erasedShare(o, dual)}
		p.plan.Add(kernels.HeadGrad(grad, c0, cols, p.headStride(), z, p.in.targets, t.state, t.coef))
		spec := kernels.LinearSpec{
			Rows: p.queries.rows, In: hidden, Out: cols, OutStride: p.headStride(), Accumulate: c0 > 0,
			Format: p.m.head.format,
		}
		p.plan.Add(kernels.LinearInputGrad(p.m.tune, spec, z, w, dhs, nil, nil))
		if p.m.headGrad != nil {
			spec.Accumulate, spec.Scale = true, 1
			grad := p.m.headGrad.Slice(int64(4*c0*hidden), int64(4*cols*hidden))
			p.plan.Add(kernels.LinearWeightGrad(p.m.tune, spec, z, hs, grad))
		}
	})
	return dhs
}

// erasedShare is β in the loss of a step with these branches.
func erasedShare(o causal.Options, dual bool) float32 {
	if !dual {
		return 0
	}
	return float32(o.Erased)
}

// weightSpec translates the objective's token weights for the kernel.
func weightSpec(o causal.Options, dual bool) kernels.WeightSpec {
	s := kernels.WeightSpec{
		// With a single branch there is no causal effect, and all weights are 1.
		SelfExpert:    !dual || !o.Frozen(),
		Delta:         float32(o.Delta),
		Lambda:        float32(o.Lambda),
		Epsilon:       float32(o.Epsilon),
		NTPWeighted:   dual && o.NTPWeighted,
		AlignWeighted: dual && o.AlignWeighted,
	}
	if o.Weights == causal.Soft {
		s.Kind = kernels.Soft
	}
	if o.Plausibility > 0 {
		s.Plausible, s.LogBeta = true, float32(math.Log(o.Plausibility))
	}
	return s
}
