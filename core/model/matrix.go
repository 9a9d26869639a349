package model

import (
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// matrix is a weight [rows, columns] on the device. It is split into parts when it is larger than
// the largest binding.
type matrix struct {
	name          string
	rows, columns int
	format        kernels.Format
	parts         []part
}

// part is rows of a matrix, starting at row first.
type part struct {
	first, rows int
	t           *gpu.Tensor
}

// partAlign divides the first row of every part. 64 rows are a multiple of WebGPU's offset
// alignment in every format and for every rank.
const partAlign = 64

// newMatrix creates the buffers of a matrix; its parts start at multiples of align rows.
func (m *Model) newMatrix(name string, rows, columns, align int, f kernels.Format) (*matrix, error) {
	w := &matrix{name: name, rows: rows, columns: columns, format: f}
	limit, rowBytes := m.g.Info().LargestTensor(), int64(f.RowBytes(columns))
	most := rows
	if int64(rows)*rowBytes > limit {
		if most = int(limit/rowBytes) / align * align; most == 0 {
			detail := "%d rows need a binding of %d bytes"
			return nil, fault.New(fault.DeviceLimit, m.g.Info().Name, name, detail, align, int64(align)*rowBytes).
				WithLimit("%d", limit).WithRemedy("use a smaller model or another device")
		}
	}
	for first := 0; first < rows; first += most {
		n := min(most, rows-first)
		t := m.newTensor(fmt.Sprintf("%s[%d:]", name, first), int64(n)*rowBytes)
		w.parts = append(w.parts, part{first, n, t})
	}
	return w, nil
}

// singlePart is a matrix in one tensor.
func singlePart(name string, rows, columns int, f kernels.Format, t *gpu.Tensor) *matrix {
	return &matrix{name: name, rows: rows, columns: columns, format: f, parts: []part{{0, rows, t}}}
}

// slice is rows of a part; first is a multiple of partAlign.
func (w *matrix) slice(p part, first, rows int) *gpu.Tensor {
	rowBytes := int64(w.format.RowBytes(w.columns))
	return p.t.Slice(int64(first-p.first)*rowBytes, int64(rows)*rowBytes)
}

// forward records y = x·Wᵀ + scale·u·bᵀ, part by part; see kernels.LinearForward.
func (p *pass) forward(w *matrix, s kernels.LinearSpec, x, y, u, b *gpu.Tensor) {
	s.In, s.OutStride, s.Format = w.columns, kernels.RowStride(w.rows), w.format
	for _, part := range w.parts {
		s.Out, s.Offset = part.rows, part.first
		low := b
		if b != nil && len(w.parts) > 1 {
			low = b.Slice(int64(4*part.first*s.Rank), int64(4*part.rows*s.Rank))
		}
		p.plan.Add(kernels.LinearForward(p.m.tune, s, x, part.t, y, u, low))
	}
}

// inputGrad records dx (=|+=) dy·W + scale·v·a; see kernels.LinearInputGrad.
func (p *pass) inputGrad(w *matrix, s kernels.LinearSpec, dy, dx, v, a *gpu.Tensor) {
	s.In, s.OutStride, s.Format = w.columns, kernels.RowStride(w.rows), w.format
	for i, part := range w.parts {
		s.Out, s.Offset = part.rows, part.first
		if i > 0 {
			// The first part added the low-rank term and kept or cleared dx.
			s.Accumulate, s.Rank, v, a = true, 0, nil, nil
		}
		p.plan.Add(kernels.LinearInputGrad(p.m.tune, s, dy, part.t, dx, v, a))
	}
}

// embedding records out[r] = W[ids[r]].
func (p *pass) embedding(w *matrix, rows kernels.Rows, ids, out *gpu.Tensor) {
	for _, part := range w.parts {
		p.plan.Add(kernels.Embedding(kernels.EmbeddingSpec{
			Rows: rows, Features: w.columns, Vocab: w.rows, First: part.first, Count: part.rows, Format: w.format,
		}, ids, part.t, out))
	}
}
