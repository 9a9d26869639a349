package reference

import (
	"math"
	"slices"

	"nextquill/core/fault"
)

// Sample is one text with its two prompts, in token ids. Each prompt is complete, including the
// shared prefix.
type Sample struct {
	With     []int `json:"with"`     // the prompt with the writer's history
	Without  []int `json:"without"`  // the same prompt with the history erased
	Response []int `json:"response"` // y_1..y_T, including the end token
}

// Batch is the samples of one step.
type Batch struct {
	Samples []Sample `json:"samples"`
}

// Options are the parameters of the objective, see causal.Options.
type Options struct {
	Delta              float64   `json:"delta"`               // δ: threshold of DCE
	Lambda             float64   `json:"lambda"`              // ω of tokens with DCE above δ
	Epsilon            float64   `json:"epsilon"`             // ω of all others
	Alpha              float64   `json:"alpha"`               // factor of L_p
	Erased             float64   `json:"erased"`              // β: share of CE(z^0, y) in L_n
	NTPWeighted        bool      `json:"ntp_weighted"`        // weight L_n by ω, otherwise by 1
	AlignWeighted      bool      `json:"align_weighted"`      // weight L_p by ω, otherwise by 1
	NormalizeNTP       Normalize `json:"normalize_ntp"`       // Z of L_n
	NormalizeAlign     Normalize `json:"normalize_align"`     // Z of L_p
	CounterfactualGrad bool      `json:"counterfactual_grad"` // propagate the gradient of L_p through z^0
	// Expert is the frozen adapter of θ_D, the model that measures DCE: the base model with that
	// adapter. When nil, θ_D is the model being trained, as a constant.
	Expert *Adapter `json:"-"`
}

// Normalize selects the divisor Z of a loss term. Sums and Z are over the complete batch.
type Normalize string

// The divisors.
const (
	ByWeights Normalize = "weights" // Σ of the term's weights
	ByTokens  Normalize = "tokens"  // number of response tokens
	BySamples Normalize = "samples" // number of samples
)

// Result holds the losses in nats and a record per response token.
type Result struct {
	Loss      float64 `json:"loss"`       // L_n + α·L_p
	NTPLoss   float64 `json:"ntp_loss"`   // L_n
	AlignLoss float64 `json:"align_loss"` // L_p, without α
	Tokens    []Token `json:"tokens"`
}

// Token is the record of one response token.
type Token struct {
	Sample      int     `json:"sample"`       // from 0
	T           int     `json:"t"`            // index in the response, from 0
	ID          int     `json:"id"`           // y_t
	LogpWith    float64 `json:"logp_with"`    // log softmax(z^h)[y], trained model
	LogpWithout float64 `json:"logp_without"` // log softmax(z^0)[y], trained model
	DCE         float64 `json:"dce"`          // data-side causal effect, under θ_D
	Omega       float64 `json:"omega"`        // λ or ε
	CEMCE       float64 `json:"ce_mce"`       // CE(z^h − z^0, y)
}

// Step computes the objective of a batch and its gradient. Nothing is updated.
//
//	DCE_t = softmax(z^h_t)[y_t] − softmax(z^0_t)[y_t]        under θ_D
//	ω_t   = λ if DCE_t > δ else ε                             a constant to the gradient
//	L_n   = 1/Z_n Σ w_n · CE_t                                w_n = ω or 1
//	CE_t  = (1 − β)·CE(z^h_t, y_t) + β·CE(z^0_t, y_t)
//	L_p   = 1/Z_p Σ w_p · CE(z^h_t − z^0_t, y_t)              w_p = ω or 1
//	L     = L_n + α·L_p
//
// The gradients are those of the adapter's tensors when m has one, otherwise of every tensor of the
// model, by the names of the files. Errors are *fault.Error.
func Step(m *Model, batch Batch, o Options) (Result, map[string][]float64, error) {
	if err := check(m, batch, o); err != nil {
		return Result{}, nil, err
	}
	var branches []branchPair
	for _, s := range batch.Samples {
		branches = append(branches, m.branches(s))
	}
	result := Result{Tokens: measure(m, batch, branches, o)}

	// The weights and the divisors need the records of the complete batch.
	wn, zn := weights(result.Tokens, o.NTPWeighted, o.NormalizeNTP, len(batch.Samples))
	wp, zp := weights(result.Tokens, o.AlignWeighted, o.NormalizeAlign, len(batch.Samples))
	for k, t := range result.Tokens {
		result.NTPLoss += wn[k] / zn * -((1-o.Erased)*t.LogpWith + o.Erased*t.LogpWithout)
		result.AlignLoss += wp[k] / zp * t.CEMCE
	}
	result.Loss = result.NTPLoss + o.Alpha*result.AlignLoss

	grads := m.newGradients()
	k := 0
	for i, s := range batch.Samples {
		b := branches[i]
		dzh, dz0 := make([][]float64, len(s.Response)), make([][]float64, len(s.Response))
		for t, y := range s.Response {
			zh, z0 := b.with.logits[t], b.without.logits[t]
			// With p = softmax(z^h) and q = softmax(z^h − z^0):
			//   ∂L_n/∂z^h = (1−β)·(p − e_y)·w_n/Z_n      ∂L_n/∂z^0 = β·(softmax(z^0) − e_y)·w_n/Z_n
			//   ∂αL_p/∂z^h = −∂αL_p/∂z^0 = (q − e_y)·α·w_p/Z_p
			align := scaled(o.Alpha*wp[k]/zp, minusOneHot(softmax(difference(zh, z0)), y))
			dzh[t] = sum(scaled((1-o.Erased)*wn[k]/zn, minusOneHot(softmax(zh), y)), align)
			dz0[t] = scaled(o.Erased*wn[k]/zn, minusOneHot(softmax(z0), y))
			if o.CounterfactualGrad {
				dz0[t] = difference(dz0[t], align)
			}
			k++
		}
		b.with.backward(dzh, grads)
		if o.CounterfactualGrad || o.Erased != 0 {
			b.without.backward(dz0, grads)
		}
	}
	return result, grads, nil
}

// branchPair holds the two forward passes of a sample.
type branchPair struct{ with, without *pass }

// branch runs prompt and response through the model. The logits at the last prompt token predict
// y_1, so the last response token is not needed as input. It is included for simplicity; nothing
// depends on it.
func (m *Model) branch(prompt, response []int) *pass {
	return m.forward(slices.Concat(prompt, response), len(prompt)-1, len(response))
}

func (m *Model) branches(s Sample) branchPair {
	return branchPair{with: m.branch(s.With, s.Response), without: m.branch(s.Without, s.Response)}
}

// measure computes each token's probabilities, DCE and ω.
func measure(m *Model, batch Batch, branches []branchPair, o Options) []Token {
	var tokens []Token
	for i, s := range batch.Samples {
		b, dataSide := branches[i], branches[i]
		if o.Expert != nil {
			expert := &Model{Config: m.Config, Weights: m.Weights, Adapter: o.Expert}
			dataSide = expert.branches(s)
		}
		for t, y := range s.Response {
			zh, z0 := b.with.logits[t], b.without.logits[t]
			dce := softmax(dataSide.with.logits[t])[y] - softmax(dataSide.without.logits[t])[y]
			omega := o.Epsilon
			if dce > o.Delta {
				omega = o.Lambda
			}
			tokens = append(tokens, Token{
				Sample: i, T: t, ID: y, DCE: dce, Omega: omega,
				LogpWith: -crossEntropy(zh, y), LogpWithout: -crossEntropy(z0, y),
				CEMCE: crossEntropy(difference(zh, z0), y),
			})
		}
	}
	return tokens
}

// weights returns the weight of each token in a term, and the term's divisor.
func weights(tokens []Token, weighted bool, by Normalize, samples int) (w []float64, z float64) {
	total := 0.0
	for _, t := range tokens {
		wt := 1.0
		if weighted {
			wt = t.Omega
		}
		w = append(w, wt)
		total += wt
	}
	switch by {
	case ByTokens:
		z = float64(len(tokens))
	case BySamples:
		z = float64(samples)
	default:
		z = total
	}
	if z == 0 {
		z = 1 // every weight is 0: the term is 0 instead of 0/0
	}
	return w, z
}

func check(m *Model, batch Batch, o Options) error {
	if err := m.check(); err != nil {
		return err
	}
	if o.Expert != nil {
		if err := o.Expert.check(m.Config); err != nil {
			return err
		}
	}
	for _, n := range []Normalize{o.NormalizeNTP, o.NormalizeAlign} {
		if n != ByWeights && n != ByTokens && n != BySamples {
			return fault.New(fault.OutOfRange, "options", "normalize", "%s is not a divisor", fault.Quote(string(n))).
				WithRemedy(`use "weights", "tokens" or "samples"`)
		}
	}
	if len(batch.Samples) == 0 {
		return fault.New(fault.Missing, "batch", "samples", "no samples")
	}
	for i, s := range batch.Samples {
		for _, part := range []struct {
			field string
			ids   []int
		}{{"with", s.With}, {"without", s.Without}, {"response", s.Response}} {
			if len(part.ids) == 0 {
				return fault.New(fault.Missing, "batch", part.field, "sample %d has no tokens", i).
					WithRemedy("give at least one token: the last prompt token predicts the first response token")
			}
			for _, id := range part.ids {
				if id < 0 || id >= m.Config.VocabSize {
					return fault.New(fault.OutOfRange, "batch", part.field, "sample %d has token id %d", i, id).
						WithLimit("vocab_size %d", m.Config.VocabSize)
				}
			}
		}
	}
	return nil
}

// crossEntropy is −log softmax(z)[y].
func crossEntropy(z []float64, y int) float64 { return logSumExp(z) - z[y] }

func logSumExp(z []float64) float64 {
	top := slices.Max(z)
	total := 0.0
	for _, v := range z {
		total += math.Exp(v - top)
	}
	return top + math.Log(total)
}

func softmax(z []float64) []float64 {
	lse := logSumExp(z)
	p := make([]float64, len(z))
	for i, v := range z {
		p[i] = math.Exp(v - lse)
	}
	return p
}

// minusOneHot computes p − e_y in place.
func minusOneHot(p []float64, y int) []float64 {
	p[y]--
	return p
}

func difference(a, b []float64) []float64 { return sum(a, scaled(-1, b)) }

func sum(a, b []float64) []float64 {
	c := make([]float64, len(a))
	for i := range a {
		c[i] = a[i] + b[i]
	}
	return c
}

func scaled(s float64, a []float64) []float64 {
	c := make([]float64, len(a))
	for i := range a {
		c[i] = s * a[i]
	}
	return c
}
