package kernels

import (
	"slices"

	"nextquill/core/gpu"
)

// EmbeddingSpec is the shape of an embedding table [Vocab, Features], or of the part of
// one that has Count rows from First on.
type EmbeddingSpec struct {
	Rows            Rows // of the result
	Features, Vocab int
	First, Count    int
	Format          Format // of the table
}

// Embedding records out[r] = table[ids[r]]: ids [rows] u32, table [Count, features],
// out [rows, features]. Ids are below Vocab; rows with ids outside of the part stay as
// they are.
func Embedding(s EmbeddingSpec, ids, table, out *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(s.Features) / 4
	return gpu.Dispatch{
		Program: s.Format.unrolled("embedding", map[string]int{"TERMS": 1}, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(s.Rows), uint32(s.Features), uint32(s.Vocab), uint32(s.First), uint32(s.Count)},
		Args:    []*gpu.Tensor{ids, table, out},
		Groups:  func(d *gpu.Dyn) [3]uint32 { return linearGroups(s.Rows.Count(d)*vecs, 64) },
		Flops:   func(d *gpu.Dyn) float64 { return float64(s.Rows.Count(d) * s.Features) },
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
		ids, out := c.randomIDs(n, v), c.GarbageRows("out", n, f)
		ids[n-1] = uint32(v - 1)
		c.Dyn.Tokens = uint32(n)
		index, parts := c.Words("ids", ids), max(1, c.Spec.Sizes["parts"])
		var whole []float32
		for p := range parts {
			s := EmbeddingSpec{Rows: PerToken, Features: f, Vocab: v, First: p * v / parts, Format: c.format()}
			s.Count = (p+1)*v/parts - s.First
			table, values := c.matrix("table", s.Format, s.Count, RowStride(f))
			c.Record(Embedding(s, index, table, out.GPU))
			whole = append(whole, values...)
		}
		EmbeddingRef(f, ids, whole, out.Host)
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
