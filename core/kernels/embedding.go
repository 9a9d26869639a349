package kernels

import (
	"slices"

	"nextquill/core/gpu"
)

// Embedding records out[r] = table[ids[r]]: ids [rows] u32, table [vocab,
// features], out [rows, features]. Ids are below vocab.
func Embedding(rows Rows, features, vocab int, ids, table, out *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("embedding", nil, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features), uint32(vocab)},
		Args:    []*gpu.Tensor{ids, table, out},
		Groups:  func(d *gpu.Dyn) [3]uint32 { return linearGroups(rows.Count(d)*vecs, 64) },
		Flops:   func(d *gpu.Dyn) float64 { return float64(rows.Count(d) * features) },
	}
}

// EmbeddingGrad records dtable[ids[r]] += dx[r] over all rows r, with the rows
// sorted by id as EmbeddingSegments returns them: segments [rows+1], order and
// uniques [rows] u32, dx [rows, features], dtable [vocab, features].
func EmbeddingGrad(rows Rows, features int, segments, order, uniques, dx, dtable *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("embedding_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features)},
		Args:   []*gpu.Tensor{segments, order, uniques, dx, dtable},
		Groups: func(d *gpu.Dyn) [3]uint32 { return linearGroups(rows.Count(d)*vecs, 64) },
		Flops:  func(d *gpu.Dyn) float64 { return float64(rows.Count(d) * features) },
	}
}

// EmbeddingSegments sorts the rows of ids by id, rows of one id in their order:
// the rows order[segments[s]:segments[s+1]] all have the id uniques[s]. Segments
// past the number of distinct ids are empty.
func EmbeddingSegments(ids []uint32) (segments, order, uniques []uint32) {
	n := len(ids)
	order = make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return int(int64(ids[a]) - int64(ids[b])) })
	segments, uniques = make([]uint32, n+1), make([]uint32, n)
	s := -1
	for j, row := range order {
		if s < 0 || uniques[s] != ids[row] {
			s++
			uniques[s], segments[s] = ids[row], uint32(j)
		}
	}
	for s++; s <= n; s++ {
		segments[s] = uint32(n)
	}
	return segments, order, uniques
}

// EmbeddingRef is Embedding on the CPU.
func EmbeddingRef(features int, ids []uint32, table, out []float32) {
	stride := RowStride(features)
	for r, id := range ids {
		copy(out[r*stride:(r+1)*stride], table[int(id)*stride:])
	}
}

// EmbeddingGradRef is EmbeddingGrad on the CPU.
func EmbeddingGradRef(features int, ids []uint32, dx, dtable []float32) {
	stride := RowStride(features)
	for r, id := range ids {
		for f := range features {
			dtable[int(id)*stride+f] += dx[r*stride+f]
		}
	}
}

// randomIDs draws n ids below vocab, about half of them the same one: text
// repeats its frequent words.
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

func init() {
	register("embedding", func(c *Case) {
		n, f, v := c.Size("rows"), c.Size("features"), c.Size("vocab")
		ids, table, out := c.randomIDs(n, v), c.RandomRows("table", v, f), c.GarbageRows("out", n, f)
		ids[n-1] = uint32(v - 1)
		c.Dyn.Tokens = uint32(n)
		c.Record(Embedding(PerToken, f, v, c.Words("ids", ids), table.GPU, out.GPU))
		EmbeddingRef(f, ids, table.Host, out.Host)
		c.Expect(out, 0)
	})
	register("embedding_grad", func(c *Case) {
		n, f, v := c.Size("rows"), c.Size("features"), c.Size("vocab")
		ids, dx, dtable := c.randomIDs(n, v), c.RandomRows("dx", n, f), c.RandomRows("dtable", v, f)
		segments, order, uniques := EmbeddingSegments(ids)
		c.Dyn.Tokens = uint32(n)
		c.Record(EmbeddingGrad(PerToken, f, c.Words("segments", segments), c.Words("order", order), c.Words("uniques", uniques), dx.GPU, dtable.GPU))
		EmbeddingGradRef(f, ids, dx.Host, dtable.Host)
		c.Expect(dtable, 2e-6)
	})
}
