package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// packedSample is prefix | branch A | branch B in a stream of tokens.
type packedSample struct{ prefix, a, b int }

// packRanges packs samples one after another. It returns the ranges of keys for each query (4 words
// per row) and the range of queries for each key (2 words per row).
func packRanges(samples []packedSample) (ranges, keyRanges []uint32) {
	start := 0
	branch := func(s packedSample, first, length int) {
		for r := first; r < first+length; r++ {
			ranges = append(ranges, uint32(start), uint32(start+s.prefix), uint32(first), uint32(r+1))
			keyRanges = append(keyRanges, uint32(r), uint32(first+length))
		}
	}
	for _, s := range samples {
		end := start + s.prefix + s.a + s.b
		for r := start; r < start+s.prefix; r++ {
			ranges = append(ranges, uint32(start), uint32(start), uint32(start), uint32(r+1))
			keyRanges = append(keyRanges, uint32(r), uint32(end))
		}
		branch(s, start+s.prefix, s.a)
		branch(s, start+s.prefix+s.a, s.b)
		start = end
	}
	return ranges, keyRanges
}

// packedSamples returns a first sample of the sizes of the case and further ones of random sizes,
// up to twice as long.
func packedSamples(c *Case) []packedSample {
	s := packedSample{c.Size("prefix"), c.Size("a"), c.Size("b")}
	all := []packedSample{s}
	draw := func(n int) int { return c.Rand().IntN(2*n + 1) }
	for len(all) < c.Size("samples") {
		all = append(all, packedSample{draw(s.prefix), 1 + draw(s.a), draw(s.b)})
	}
	return all
}

func attentionSpec(c *Case, rows kernels.Rows) (kernels.AttentionSpec, *kernels.Tune) {
	t := new(kernels.DefaultTune(c.Info))
	if c.Flag("streams") {
		n := c.Size("streams")
		t.Attention.Forward, t.Attention.QueryGrad, t.Attention.KeyGrad = n, n, n
	}
	t.Attention.Tile = t.Attention.Tile || c.Flag("tile")
	if c.Flag("lanes") {
		t.Attention.DecodeLanes = c.Size("lanes")
	}
	return kernels.AttentionSpec{Rows: rows, Heads: c.Size("heads"), KVHeads: c.Size("kv"), HeadDim: c.Size("dim")}, t
}

// halfGarbage returns the row statistics with NaN where the kernel has to write.
func halfGarbage(c *Case, host []float32, written int) *CaseTensor {
	v := append([]float32(nil), host...)
	for i := written; i < len(v); i += 2 {
		v[i] = float32(math.NaN())
	}
	t := c.Values("stats", v)
	t.Host = host
	return t
}

func attentionCase(c *Case) {
	s, t := attentionSpec(c, kernels.PerToken)
	ranges, _ := packRanges(packedSamples(c))
	rows := len(ranges) / 4
	c.Dyn.Tokens = uint32(rows)
	q := c.Random("q", rows*s.Heads*s.HeadDim)
	k, v := c.Random("k", rows*s.KVHeads*s.HeadDim), c.Random("v", rows*s.KVHeads*s.HeadDim)
	out := c.Garbage("out", len(q.Host))
	host := make([]float32, 2*rows*s.Heads)
	AttentionRef(s, q.Host, k.Host, v.Host, ranges, out.Host, host)
	stats := halfGarbage(c, host, 0)
	for i := 1; i < len(host); i += 2 {
		stats.Host[i] = 0
	}
	c.Record(kernels.AttentionForward(t, s, q.GPU, k.GPU, v.GPU, c.Words("ranges", ranges), out.GPU, stats.GPU),
		kernels.AttentionDelta(s, c.Values("zero", make([]float32, len(q.Host))).GPU, q.GPU, stats.GPU))
	c.Expect(out, 2e-5)
	c.Expect(stats, 2e-5)
}

func attentionBackwardCase(c *Case) {
	s, t := attentionSpec(c, kernels.PerToken)
	words, keyWords := packRanges(packedSamples(c))
	rows := len(words) / 4
	c.Dyn.Tokens = uint32(rows)
	q, dout := c.Random("q", rows*s.Heads*s.HeadDim), c.Random("dout", rows*s.Heads*s.HeadDim)
	k, v := c.Random("k", rows*s.KVHeads*s.HeadDim), c.Random("v", rows*s.KVHeads*s.HeadDim)
	dq := c.Garbage("dq", len(q.Host))
	dk, dv := c.Garbage("dk", len(k.Host)), c.Garbage("dv", len(k.Host))
	fwd, host := make([]float32, len(q.Host)), make([]float32, 2*rows*s.Heads)
	AttentionRef(s, q.Host, k.Host, v.Host, words, fwd, host)
	AttentionGradRef(s, q.Host, k.Host, v.Host, words, dout.Host, dq.Host, dk.Host, dv.Host, host)
	out := c.Values("out", fwd)
	stats := halfGarbage(c, host, 1)
	ranges, keyRanges := c.Words("ranges", words), c.Words("key ranges", keyWords)
	c.Record(
		kernels.AttentionDelta(s, out.GPU, dout.GPU, stats.GPU),
		kernels.AttentionQueryGrad(t, s, q.GPU, k.GPU, v.GPU, ranges, stats.GPU, dout.GPU, dq.GPU),
		kernels.AttentionKeyGrad(t, s, q.GPU, k.GPU, v.GPU, keyRanges, stats.GPU, dout.GPU, dk.GPU, dv.GPU))
	for _, x := range []*CaseTensor{stats, dq, dk, dv} {
		c.Expect(x, 5e-5)
	}
}

// attentionDecodeCase has a few queries and a cache whose slots outside the ranges were never
// written.
func attentionDecodeCase(c *Case) {
	s, t := attentionSpec(c, kernels.FixedRows(c.Size("rows")))
	prefix, own := c.Size("prefix"), c.Size("own")
	rows := c.Size("rows")
	slots := prefix + rows*(own+5)
	var ranges []uint32
	used := make([]bool, slots)
	for r := range rows {
		first := prefix + r*(own+5)
		ranges = append(ranges, 0, uint32(prefix), uint32(first), uint32(first+own))
		for j := range slots {
			used[j] = used[j] || j < prefix || j >= first && j < first+own
		}
	}
	unwritten := func(name string) *CaseTensor {
		x := make([]float32, slots*s.KVHeads*s.HeadDim)
		for i := range x {
			x[i] = float32(c.Rand().NormFloat64())
			if !used[i/(s.KVHeads*s.HeadDim)] {
				x[i] = 1e30
			}
		}
		return c.Values(name, x)
	}
	q := c.Random("q", rows*s.Heads*s.HeadDim)
	k, v := unwritten("k"), unwritten("v")
	out := c.Garbage("out", len(q.Host))
	stats := c.Values("stats", make([]float32, 2*rows*s.Heads))
	AttentionRef(s, q.Host, k.Host, v.Host, ranges, out.Host, stats.Host)
	c.Record(kernels.AttentionForward(t, s, q.GPU, k.GPU, v.GPU, c.Words("ranges", ranges), out.GPU, stats.GPU))
	c.Expect(out, 2e-5)
	c.Expect(stats, 2e-5)
}
