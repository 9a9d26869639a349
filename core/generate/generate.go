// Package generate streams text from a model, token by token, steered by what
// the history changes if asked.
package generate

import (
	"context"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/tokenizer"
)

// Options say how a text is drawn and when it ends.
type Options struct {
	Sampling  kernels.SampleParams
	Seed      uint32
	MaxTokens int
	// ReadEvery is how many tokens are drawn between looks at them; 0 means 1.
	// A look costs a round trip to the device, a late look a few tokens past the
	// end.
	ReadEvery int
	// SubmitFlops is the work of one submit, see gpu.Plan.Run.
	SubmitFlops float64
}

// Result is a finished text.
type Result struct {
	Text  string
	IDs   []int32 // without the end token
	Ended bool    // by an end token; else by MaxTokens
	LogPs []float32
}

// Check refuses settings that mean nothing.
func (o Options) Check() error {
	s := o.Sampling
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"temperature", float64(s.Temperature), 0, 100}, {"top_p", float64(s.TopP), 0, 1},
		{"repetition_penalty", float64(s.RepetitionPenalty), .01, 100}, {"steer", float64(s.Steer), -10, 10},
		{"max_tokens", float64(o.MaxTokens), 1, 1 << 20},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fault.New(fault.OutOfRange, "sampling", f.name, "%g", f.v).WithLimit("%g to %g", f.lo, f.hi)
		}
	}
	return nil
}

// DecodeSpec is the decoder of a text; dual for one that is steered.
func DecodeSpec(with, without []int32, most int, dual bool) *model.DecodeSpec {
	s := &model.DecodeSpec{MaxPrompt: len(with), MaxNew: most, Dual: dual}
	if dual {
		s.MaxPrompt += len(without)
	}
	return s
}

// Stream draws a text after the prompt with and hands its pieces to onText as
// they become whole characters. without is the same prompt with history erased;
// it counts only when Sampling.Steer is not 0.
func Stream(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, with, without []int32, o Options, onText func(string) error) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	d, err := m.NewDecoder(*DecodeSpec(with, without, o.MaxTokens, o.Sampling.Steer != 0))
	if err != nil {
		return Result{}, err
	}
	defer d.Free()
	if err := d.Start(ctx, with, without, o.Sampling, o.Seed, o.SubmitFlops); err != nil {
		return Result{}, err
	}
	var r Result
	stream := tok.TextStream()
	for read := 0; ; {
		if d.Count()-read >= max(1, o.ReadEvery) || d.Count() == o.MaxTokens {
			tokens, err := d.Sampled(ctx, read)
			if err != nil {
				return r, err
			}
			read = d.Count()
			if done, err := r.take(tokens, stream, onText); done || err != nil {
				return r, err
			}
			if read == o.MaxTokens {
				return r, nil
			}
		}
		if ctx.Err() != nil {
			return r, fault.New(fault.Cancelled, "write", "", "stopped after %d tokens", len(r.IDs))
		}
		if err := d.Next(ctx, o.Seed); err != nil {
			return r, err
		}
	}
}

// take appends drawn tokens up to an end token. Only whole characters come out: what the stream still holds when the text ends is
// the beginning of one, and bytes that are no character become U+FFFD.
func (r *Result) take(tokens []kernels.SampledToken, stream *tokenizer.Stream, onText func(string) error) (done bool, err error) {
	var text string
	for _, t := range tokens {
		if t.End {
			r.Ended, done = true, true
			break
		}
		r.IDs = append(r.IDs, int32(t.ID))
		r.LogPs = append(r.LogPs, t.LogP)
		text += stream.Push(int32(t.ID))
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	r.Text += text
	if text == "" {
		return done, nil
	}
	return done, onText(text)
}
