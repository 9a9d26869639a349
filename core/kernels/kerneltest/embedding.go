package kerneltest

import "nextquill/core/kernels"

// EmbeddingRef is Embedding on the CPU.
func EmbeddingRef(features int, ids []uint32, table, out []float32) {
	stride := kernels.RowStride(features)
	for r, id := range ids {
		copy(out[r*stride:(r+1)*stride], table[int(id)*stride:])
	}
}

// EmbeddingGradRef is EmbeddingGrad on the CPU.
func EmbeddingGradRef(features int, ids []uint32, dx, dtable []float32) {
	stride := kernels.RowStride(features)
	for r, id := range ids {
		for f := range features {
			dtable[int(id)*stride+f] += dx[r*stride+f]
		}
	}
}

// randomIDs draws n ids below vocab. About half of them are equal, because text repeats its
// frequent words.
func (c *Case) randomIDs(n, vocab int) []uint32 {
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(c.rng.IntN(vocab))
		if c.rng.IntN(2) == 0 {
			ids[i] = uint32(vocab / 3)
		}
	}
	return ids
}

func embeddingCase(c *Case) {
	n, f, v := c.Size("rows"), c.Size("features"), c.Size("vocab")
	ids, out := c.randomIDs(n, v), c.GarbageRows("out", n, f)
	ids[n-1] = uint32(v - 1)
	c.Dyn.Tokens = uint32(n)
	index, parts := c.Words("ids", ids), max(1, c.Spec.Sizes["parts"])
	var whole []float32
	for p := range parts {
		s := kernels.EmbeddingSpec{Rows: kernels.PerToken, Features: f, Vocab: v, First: p * v / parts,
			Format: c.format()}
		s.Count = (p+1)*v/parts - s.First
		table, values := c.matrix("table", s.Format, s.Count, kernels.RowStride(f))
		c.Record(kernels.Embedding(s, index, table, out.GPU))
		whole = append(whole, values...)
	}
	EmbeddingRef(f, ids, whole, out.Host)
	c.Expect(out, 0)
}

func embeddingGradCase(c *Case) {
	n, f, v := c.Size("rows"), c.Size("features"), c.Size("vocab")
	ids, dx, dtable := c.randomIDs(n, v), c.RandomRows("dx", n, f), c.RandomRows("dtable", v, f)
	segments, order, uniques := kernels.EmbeddingSegments(ids)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.EmbeddingGrad(kernels.PerToken, f, c.Words("segments", segments), c.Words("order", order),
		c.Words("uniques", uniques), dx.GPU, dtable.GPU))
	EmbeddingGradRef(f, ids, dx.Host, dtable.Host)
	c.Expect(dtable, 2e-6)
}
