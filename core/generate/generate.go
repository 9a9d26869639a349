// Package generate streams text from a model token by token. With context steering it amplifies the
// effect of the history on the logits: l = z^h + s·(z^h − z^0).
package generate

import (
	"context"
	"slices"
	"strings"
	"time"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/tokenizer"
)

// Options control sampling and when a text ends.
type Options struct {
	Sampling  kernels.SampleParams
	Ends      []int32 // tokens that end the text; the first token is none of them
	Seed      uint32
	MaxTokens int
	// Datastore, if not nil, is mixed into the distribution of every token, after steering.
	// Steering would raise what it adds to a token by orders of magnitude.
	Datastore *model.Datastore
	// Progress, which may be nil, receives the share of the prompt that was submitted.
	Progress func(share float64)
}

// Sampled tokens are read after readSpan, or if there are readMost of them. A read waits for the
// device, and text that appears this often looks smooth. Tokens after an end token were sampled in
// vain and are dropped.
const (
	readSpan = 60 * time.Millisecond
	readMost = 16
)

// Result is a finished text.
type Result struct {
	Text  string
	IDs   []int32   // without the end token
	Ended bool      // by an end token; otherwise by MaxTokens
	LogPs []float32 // see kernels.SampledToken.LogP
}

// Check returns a fault for the first option that is out of range.
func (o Options) Check() error {
	s := o.Sampling
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"temperature", float64(s.Temperature), 0, 100},
		{"top_p", float64(s.TopP), 0, 1},
		{"repetition_penalty", float64(s.RepetitionPenalty), .01, 100},
		{"steer", float64(s.Steer), -10, 10},
		{"max_tokens", float64(o.MaxTokens), 1, 1 << 20},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fault.New(fault.OutOfRange, "sampling", f.name, "%g", f.v).WithLimit("%g to %g", f.lo, f.hi)
		}
	}
	return nil
}

// DecodeSpec is the size of a text's decoder, for at most maxNew tokens. Steering needs dual.
func DecodeSpec(with, without []int32, maxNew int, dual bool) *model.DecodeSpec {
	s := &model.DecodeSpec{MaxPrompt: len(with), MaxNew: maxNew, Dual: dual}
	if dual {
		s.MaxPrompt += len(without)
	}
	return s
}

// Stream samples a text after the prompt with and passes it to onText in pieces of complete
// characters. without is the same prompt with the history erased; it is used only when
// Sampling.Steer is not 0. When ctx is cancelled, the text so far is returned with a fault of kind
// Cancelled.
func Stream(
	ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, with, without []int32, o Options,
	onText func(string) error,
) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	spec := DecodeSpec(with, without, o.MaxTokens, o.Sampling.Steer != 0)
	spec.Datastore, spec.Ends = o.Datastore, o.Ends
	d, err := m.NewDecoder(*spec)
	if err != nil {
		return Result{}, err
	}
	defer d.Free()
	if err := d.Start(ctx, with, without, o.Sampling, o.Seed, o.Progress); err != nil {
		return Result{}, err
	}
	var r Result
	stream := tok.TextStream()
	last := time.Time{} // the first token is read at once
	for read := 0; ; {
		if d.Count()-read >= readMost || d.Count() == o.MaxTokens || time.Since(last) >= readSpan {
			tokens, err := d.Sampled(ctx, read)
			if err != nil {
				return r, err
			}
			read, last = d.Count(), time.Now()
			if done, err := r.add(tokens, o.Ends, stream, onText); done || err != nil {
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

// add appends sampled tokens up to an end token. Incomplete characters stay in the stream; at the
// end of the text they are dropped. Invalid bytes become U+FFFD.
func (r *Result) add(
	tokens []kernels.SampledToken, ends []int32, stream *tokenizer.Stream, onText func(string) error,
) (done bool, err error) {
	var text string
	for _, t := range tokens {
		if slices.Contains(ends, int32(t.ID)) {
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
