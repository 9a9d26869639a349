package method

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/metric"
)

// matchedAtOnce is the number of drafts whose hidden states are in memory at the same time.
const matchedAtOnce = 16

// match compares each draft with the user's own text by the hidden states of the model without
// adapter, so that all methods are judged by the same vectors. A draft without words matches
// nothing.
func (r *run) match(ctx context.Context, drafts []Draft) error {
	var pairs []*Draft
	for i := range drafts {
		drafts[i].Match = &metric.Match{}
		if compares(drafts[i].Text, r.u.Test[drafts[i].Index].Text) {
			pairs = append(pairs, &drafts[i])
		}
	}
	for some := range slices.Chunk(pairs, matchedAtOnce) {
		var texts []string
		for _, d := range some {
			texts = append(texts, d.Text, r.u.Test[d.Index].Text)
		}
		s, err := r.states(ctx, r.o.Model, texts, true)
		if err != nil {
			return err
		}
		for i, d := range some {
			*d.Match = metric.HiddenMatch(s.texts[2*i], s.texts[2*i+1], s.width)
		}
	}
	return nil
}

// compares tells whether both texts have something to compare.
func compares(draft, own string) bool {
	return strings.TrimSpace(draft) != "" && strings.TrimSpace(own) != ""
}

// states are final hidden states of texts, [rows, width] each.
type states struct {
	texts [][]float32
	width int
}

// maxStates bounds the vectors of one call in bytes; the core has a lower limit.
const maxStates = 1 << 30

// states encodes texts: one row a text, or with tokens one row a token. It halves a set of texts
// whose vectors are too many for one call of the core.
func (r *run) states(ctx context.Context, model string, texts []string, tokens bool) (states, error) {
	if len(texts) <= api.MaxTexts {
		s, err := r.embedTexts(ctx, model, texts, tokens)
		if fault.KindOf(err) != fault.TooLarge || len(texts) < 2 {
			return s, err
		}
	}
	half := len(texts) / 2
	s, err := r.states(ctx, model, texts[:half], tokens)
	if err != nil {
		return s, err
	}
	rest, err := r.states(ctx, model, texts[half:], tokens)
	s.texts = append(s.texts, rest.texts...)
	return s, err
}

// embedTexts is one call of the core for states.
func (r *run) embedTexts(ctx context.Context, model string, texts []string, tokens bool) (states, error) {
	p := api.EmbedParams{Loading: r.o.Loading, Model: model, Texts: texts, Tokens: tokens,
		Out: r.folder("vectors.f32")}
	var out api.EmbedResult
	if err := r.call(ctx, "embed", api.MethodEmbed, p, &out); err != nil {
		return states{}, err
	}
	raw, err := blob.ReadAll(ctx, r.e.Blobs, p.Out, maxStates)
	if err != nil {
		return states{}, err
	}
	s := states{width: out.Width}
	for _, rows := range out.Rows {
		size := rows * out.Width
		if rows < 0 || 4*size > len(raw) {
			return states{}, fault.New(fault.Internal, p.Out, "", "has too few vectors")
		}
		v := make([]float32, size)
		for k := range v {
			v[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
		}
		raw = raw[4*size:]
		s.texts = append(s.texts, v)
	}
	if len(s.texts) != len(texts) {
		return states{}, fault.New(fault.Internal, p.Out, "", "has the vectors of %d of %d texts", len(s.texts),
			len(texts))
	}
	return s, r.e.Blobs.Delete(ctx, p.Out)
}
