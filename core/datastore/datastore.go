// Package datastore holds a writer's own tokens with the hidden states that predicted them, and the
// file format of that.
package datastore

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// FileName is the file with the datastore in the folder of an adapter.
const FileName = "datastore.safetensors"

// MaxEntries is the largest number of entries of a datastore.
const MaxEntries = 1 << 15

// MaxShare is the largest λ of a datastore. It is below 1, because a datastore gives no probability
// to tokens that it does not hold.
const MaxShare = .9

// MinSharpness and MaxSharpness are the limits of β. At 0 all keys would have the same weight. At
// the maximum, e^(−2β) is still a normal f32.
const (
	MinSharpness = .001
	MaxSharpness = 40
)

// MinBoost and MaxBoost are the limits of g. At the minimum the text itself has practically no
// weight; at the maximum one of its tokens has that of 22,000 keys.
const (
	MinBoost = -50
	MaxBoost = 10
)

// tolerance is how much the length of a key may differ from 1.
const tolerance = 1e-3

// format marks the file in its metadata.
const format = "nextquill-datastore-2"

// Datastore is the writer's own tokens with the hidden states that predicted them (kNN-LM,
// Khandelwal et al. 2020). With a hidden state q, it predicts the token v with the probability
//
//	p_d(v) = Σ_i w_i [token_i = v] / Σ_i w_i     w_i = e^(β·(cos(q, key_i) − 1))
//
// and the model with the datastore predicts (1 − λ)·p(v) + λ·p_d(v). It holds the writer's texts in
// a form from which they can be read.
type Datastore struct {
	Width  int
	Keys   []float32 // [entries, Width], each of length 1, in the order of their tokens
	Tokens []int32   // [entries], ascending
	Share  float64   // λ, 0 to MaxShare
	// Sharpness is β, MinSharpness to MaxSharpness.
	Sharpness float64
	// Boost is g: when a text is scored, its own tokens before the present one are entries with the
	// weights e^(β·(cos − 1) + g), MinBoost to MaxBoost.
	Boost float64
	// Base is the Fingerprint of the base model's file. Adapter is the Digest of the adapter that
	// the hidden states are of; "" is the base model alone.
	Base, Adapter string
	// Fitted is the TextsDigest of the texts that Share was fitted to; "" if it was not fitted.
	Fitted string
}

// Digest is an FNV-1a hash of what an adapter computes: its modules, the scaling of their updates
// and their values, in hexadecimal. Unlike the adapter's own digest it stays the same if the
// adapter is renamed, as on export.
func Digest(a *weights.Adapter) string {
	h := fnv.New64a()
	var word [4]byte
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		fmt.Fprintf(h, "%s %d %d %g\n", path, p.In, p.Out, a.Scaling(path))
		for _, factor := range [][]float32{p.A, p.B} {
			for _, v := range factor {
				binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
				h.Write(word[:])
			}
		}
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

// TextsDigest is an FNV-1a hash of texts, as their tokens, in hexadecimal.
func TextsDigest(texts [][]int32) string {
	h := fnv.New64a()
	for _, tokens := range texts {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(tokens))))
		for _, id := range tokens {
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
		}
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

// New makes a datastore of hidden states [tokens, width] and the tokens that they predict.
// States of length 0 and those that are not finite are left out.
func New(states []float32, tokens []int32, width int) *Datastore {
	d := &Datastore{Width: width, Keys: make([]float32, 0, len(states))}
	order := make([]int, len(tokens))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(tokens[i], tokens[j]) })
	for _, i := range order {
		state := states[i*width : (i+1)*width]
		sum := squares(state)
		if !(sum > 0) || math.IsInf(sum, 1) {
			continue
		}
		for _, v := range state {
			d.Keys = append(d.Keys, float32(float64(v)/math.Sqrt(sum)))
		}
		d.Tokens = append(d.Tokens, tokens[i])
	}
	return d
}

// squares is the sum of the squares of a vector.
func squares(v []float32) float64 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

// Write writes a datastore as a safetensors file: keys [entries, width], tokens [entries]
// as numbers in F32, and the rest in the metadata.
func Write(ctx context.Context, store blob.Store, name string, d *Datastore) error {
	ids := make([]float32, len(d.Tokens)) // exact: a vocabulary has fewer than 2^24 tokens
	for i, id := range d.Tokens {
		ids[i] = float32(id)
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return weights.Write(ctx, store, name, []weights.Tensor{
		{Name: "keys", Shape: []int{len(ids), d.Width}, Data: d.Keys},
		{Name: "tokens", Shape: []int{len(ids)}, Data: ids},
	}, map[string]string{
		"format": format, "share": number(d.Share), "sharpness": number(d.Sharpness),
		"boost": number(d.Boost), "base": d.Base, "adapter": d.Adapter, "fitted": d.Fitted,
	})
}

// Read reads a datastore for a model with this hidden size and vocabulary.
func Read(ctx context.Context, store blob.Store, name string, width, vocab int) (*Datastore, error) {
	f, err := weights.Open(ctx, store, name)
	if err != nil {
		return nil, err
	}
	bad := func(kind fault.Kind, field, format string, args ...any) *fault.Error {
		return fault.New(kind, name, field, format, args...).
			WithRemedy("train the adapter again, or delete the file to use the adapter without it")
	}
	if f.Metadata()["format"] != format {
		return nil, bad(fault.Malformed, "format", "is not a datastore of this version")
	}
	d := &Datastore{Width: width, Base: f.Metadata()["base"], Adapter: f.Metadata()["adapter"],
		Fitted: f.Metadata()["fitted"]}
	for _, v := range []struct {
		name        string
		to          *float64
		least, most float64
	}{
		{"share", &d.Share, 0, MaxShare}, {"sharpness", &d.Sharpness, MinSharpness, MaxSharpness},
		{"boost", &d.Boost, MinBoost, MaxBoost},
	} {
		n, err := strconv.ParseFloat(f.Metadata()[v.name], 64)
		if err != nil || !(n >= v.least && n <= v.most) {
			return nil, bad(fault.OutOfRange, v.name, "is %s", fault.Quote(f.Metadata()[v.name])).
				WithLimit("%g to %g", v.least, v.most)
		}
		*v.to = n
	}
	keys, _ := f.Tensor("keys")
	tokens, ok := f.Tensor("tokens")
	if !ok || len(keys.Shape) != 2 || len(tokens.Shape) != 1 || keys.Shape[0] != tokens.Shape[0] {
		return nil, bad(fault.Malformed, "keys, tokens", "have the shapes %v and %v", keys.Shape, tokens.Shape)
	}
	n := tokens.Shape[0]
	if n < 1 || n > MaxEntries {
		return nil, bad(fault.OutOfRange, "tokens", "%d entries", n).WithLimit("1 to %d", MaxEntries)
	}
	if keys.Shape[1] != width {
		return nil, bad(fault.Mismatch, "keys", "have %d values, the model's hidden states %d", keys.Shape[1], width)
	}
	if d.Keys, err = f.ReadF32(ctx, "keys"); err != nil {
		return nil, err
	}
	ids, err := f.ReadF32(ctx, "tokens")
	if err != nil {
		return nil, err
	}
	for i, v := range ids {
		if !(v >= 0 && v < float32(vocab)) || v != float32(int32(v)) || i > 0 && v < ids[i-1] {
			return nil, bad(fault.OutOfRange, "tokens", "entry %d is %g", i, v).
				WithLimit("0 to %d, ascending", vocab-1)
		}
		d.Tokens = append(d.Tokens, int32(v))
	}
	// A product with a key is a cosine only if the key has length 1.
	for i := range n {
		if l := math.Sqrt(squares(d.Keys[i*width : (i+1)*width])); !(math.Abs(l-1) <= tolerance) {
			return nil, bad(fault.OutOfRange, "keys", "entry %d has the length %g", i, l).WithLimit("1")
		}
	}
	return d, nil
}
