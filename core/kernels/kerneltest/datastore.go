package kerneltest

import (
	"math"
	"slices"

	"nextquill/core/kernels"
)

// datastoreWeight is the weight of a key with this cosine.
func datastoreWeight(s kernels.DatastoreSpec, cosine float32) float64 {
	return math.Exp(float64(s.Sharpness) * (min(float64(cosine), 1) - 1))
}

// DatastoreReduceRef is DatastoreReduce over all keys on the CPU: scores is [R, keys].
func DatastoreReduceRef(s kernels.DatastoreSpec, scores []float32, tokens, targets []uint32, state []float32) {
	for r, y := range targets {
		var same, all float64
		for i, cosine := range scores[r*s.Keys : (r+1)*s.Keys] {
			w := datastoreWeight(s, cosine)
			all += w
			if tokens[i] == y {
				same += w
			}
		}
		state[2*r], state[2*r+1] = float32(same), float32(all)
	}
}

// cosineOf is the cosine of two states of length 1.
func cosineOf(a, b []float32) float32 {
	sum := 0.
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return float32(sum)
}

// DatastoreTextRef is DatastoreText on the CPU.
func DatastoreTextRef(
	s kernels.DatastoreSpec, stride int, queries []float32, targets, starts []uint32, state []float32,
) {
	for r, y := range targets {
		same, all := float64(state[2*r]), float64(state[2*r+1])
		for j := int(starts[r]); j < r; j++ {
			cosine := cosineOf(queries[r*stride:(r+1)*stride], queries[j*stride:(j+1)*stride])
			w := datastoreWeight(s, cosine) * math.Exp(float64(s.Boost))
			all += w
			if targets[j] == y {
				same += w
			}
		}
		state[2*r], state[2*r+1] = float32(same), float32(all)
	}
}

// DatastoreMixRef is DatastoreMix on the CPU.
func DatastoreMixRef(s kernels.DatastoreSpec, scores []float32, tokens []uint32, logits []float32) {
	peak, sum := peakAndSum(logits)
	total := float64(peak) + math.Log(float64(sum))
	mass, all := make([]float64, len(logits)), 0.
	for i, cosine := range scores {
		w := datastoreWeight(s, cosine)
		mass[tokens[i]] += w
		all += w
	}
	share := float64(s.Share)
	for v, z := range logits {
		p := (1-share)*math.Exp(float64(z)-total) + share*mass[v]/all
		logits[v] = float32(math.Log(p) + total)
	}
}

// datastoreCase compares both kernels.
func datastoreCase(c *Case) {
	n, keys, vocab, chunk := c.Size("responses"), c.Size("keys"), c.Size("vocab"), c.Size("chunk")
	spec := kernels.DatastoreSpec{
		Keys: keys, Sharpness: c.Param("sharpness"), Share: c.Param("share"), Boost: c.Param("boost"),
	}
	c.Dyn.Responses = uint32(n)
	scores := make([]float32, n*keys)
	for i := range scores {
		scores[i] = float32(math.Tanh(c.rng.NormFloat64()))
	}
	tokens, targets := make([]uint32, keys), make([]uint32, n)
	for i := range tokens {
		tokens[i] = uint32(c.rng.IntN(vocab))
	}
	slices.Sort(tokens)
	for i := range targets {
		targets[i] = uint32(c.rng.IntN(vocab))
	}
	padded := append(slices.Clone(tokens), make([]uint32, (4-keys%4)%4)...)
	ids, labels := c.Words("tokens", padded), c.Words("targets", targets)
	state := c.Garbage("state", 2*n)
	DatastoreReduceRef(spec, scores, tokens, targets, state.Host)
	stride := kernels.RowStride(min(chunk, keys))
	for c0 := 0; c0 < keys; c0 += chunk {
		cols := min(chunk, keys-c0)
		part := make([]float32, n*stride)
		for r := range n {
			copy(part[r*stride:r*stride+cols], scores[r*keys+c0:])
		}
		z := c.Values("scores", part)
		c.Record(kernels.DatastoreReduce(spec, c0, cols, stride, z.GPU, ids, labels, state.GPU))
	}
	features := c.Size("features")
	width := kernels.RowStride(features)
	unit := func(rows int) []float32 {
		v := make([]float32, rows*width)
		for r := range rows {
			row := v[r*width : r*width+features]
			sum := 0.
			for i := range row {
				row[i] = float32(c.rng.NormFloat64())
				sum += float64(row[i]) * float64(row[i])
			}
			for i := range row {
				row[i] /= float32(math.Sqrt(sum))
			}
		}
		return v
	}
	starts := make([]uint32, n)
	for r := range starts {
		starts[r] = uint32(r / 70 * 70) // samples of 70 tokens
	}
	queries := c.Values("queries", unit(n))
	DatastoreTextRef(spec, width, queries.Host, targets, starts, state.Host)
	c.Record(kernels.DatastoreText(spec, features, queries.GPU, labels, c.Words("starts", starts), state.GPU))
	c.Expect(state, 5e-6)

	offsets := make([]uint32, vocab+1)
	for _, id := range tokens {
		offsets[id+1]++
	}
	for v := range vocab {
		offsets[v+1] += offsets[v]
	}
	z := make([]float32, vocab)
	for i := range z {
		z[i] = 6 * float32(c.rng.NormFloat64())
	}
	logits, first := c.Values("logits", z), c.Values("all scores", scores[:keys])
	all := c.Words("offsets", offsets)
	DatastoreMixRef(spec, scores[:keys], tokens, logits.Host)
	c.Record(kernels.DatastoreMix(spec, vocab, vocab, false, first.GPU, all, logits.GPU, nil))
	c.Expect(logits, 5e-6)

	// Both branches: the steered logits are mixed, and both rows become the result.
	row := kernels.RowStride(vocab)
	z = make([]float32, 2*row)
	for i := range z {
		z[i] = 3 * float32(c.rng.NormFloat64())
	}
	dual, steer := c.Values("dual logits", z), kernels.SampleParams{Steer: c.Param("steer")}
	words := steer.Words()
	for v := range vocab {
		z[v] += steer.Steer * (z[v] - z[row+v])
	}
	DatastoreMixRef(spec, scores[:keys], tokens, z[:vocab])
	copy(dual.Host[:vocab], z)
	copy(dual.Host[row:row+vocab], z)
	c.Record(kernels.DatastoreMix(spec, vocab, row, true, first.GPU, all, dual.GPU, c.Words("params", words[:])))
	c.Expect(dual, 1e-5)
}
