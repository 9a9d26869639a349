package kernels

import (
	"cmp"
	"slices"

	"nextquill/core/gpu"
)

// EmbeddingSpec is the shape of an embedding table [Vocab, Features], or of a part of one with
// Count rows from First on.
type EmbeddingSpec struct {
	Rows            Rows // of the result
	Features, Vocab int
	First, Count    int
	Format          Format // of the table
}

// Embedding records out[r] = table[ids[r]]: ids [rows] u32, table [Count, features], out [rows,
// features]. Ids are below Vocab. Rows of out whose ids are not in the part do not change.
func Embedding(s EmbeddingSpec, ids, table, out *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(s.Features) / 4
	return gpu.Dispatch{
		Program: s.Format.program("embedding", nil, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(s.Rows), uint32(s.Features), uint32(s.Vocab), uint32(s.First), uint32(s.Count)},
		Args:    []*gpu.Tensor{ids, table, out},
		Groups:  func(r *gpu.Replay) [3]uint32 { return linearGroups(s.Rows.Count(r)*vecs, 64) },
		Flops:   func(r *gpu.Replay) float64 { return float64(s.Rows.Count(r) * s.Features) },
	}
}

// EmbeddingGrad records dtable[ids[r]] += dx[r] over all rows r, with the rows sorted by id as
// EmbeddingSegments returns them: segments [rows+1], order and uniques [rows] u32, dx [rows,
// features], dtable [vocab, features].
func EmbeddingGrad(rows Rows, features int, segments, order, uniques, dx, dtable *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("embedding_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features)},
		Args:   []*gpu.Tensor{segments, order, uniques, dx, dtable},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(rows.Count(r)*vecs, 64) },
		Flops:  func(r *gpu.Replay) float64 { return float64(rows.Count(r) * features) },
	}
}

// EmbeddingSegments sorts the rows of ids by id and keeps the order of rows with the same id. The
// rows order[segments[s]:segments[s+1]] have the id uniques[s]. Segments beyond the number of
// distinct ids are empty.
func EmbeddingSegments(ids []uint32) (segments, order, uniques []uint32) {
	n := len(ids)
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	order = make([]uint32, n)
	for i, row := range rows {
		order[i] = uint32(row)
	}
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
