package model

import (
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// pieceValues is about the number of values that are loaded at a time. It bounds the memory that
// loading needs in addition to the weights.
const pieceValues = 2 << 20

// piece is rows of a tensor in a file, and the tensor on the device to load them into.
type piece struct {
	file          *weights.File
	info          weights.Info
	first         int // row in the file's tensor
	rows, columns int
	format        kernels.Format
	to            *gpu.Tensor
	rawBytes      int // in the file
	size          int // values
}

// rowAlign is the number of rows that pieces of a tensor are multiples of: partAlign, and complete
// heads when the file stores the rows of a head in another order.
func rowAlign(info weights.Info) int {
	align := partAlign
	for info.PairedRows > 0 && align%info.PairedRows != 0 {
		align += partAlign
	}
	return align
}

// pieces splits a matrix so that no piece in f32 is larger than a binding of limit bytes.
func (w *matrix) pieces(file *weights.File, info weights.Info, limit int64) []piece {
	align := rowAlign(info)
	step := max(1, int(min(pieceValues, limit/4))/w.columns/align) * align
	elements, bytes := info.DType.Block()
	var out []piece
	for _, p := range w.parts {
		for at := 0; at < p.rows; at += step {
			rows := min(step, p.rows-at)
			out = append(out, piece{
				file: file, info: info, first: p.first + at, rows: rows, columns: w.columns, format: w.format,
				to:       w.slice(p, p.first+at, rows),
				rawBytes: rows * w.columns / elements * bytes, size: rows * w.columns,
			})
		}
	}
	return out
}

// vectorPiece is a vector as one row.
func vectorPiece(file *weights.File, info weights.Info, to *gpu.Tensor) piece {
	n := info.Elements()
	return piece{
		file: file, info: info, rows: 1, columns: n, to: to, rawBytes: int(info.End - info.Begin), size: n,
	}
}

// direct reports whether the device stores the bytes of the file unchanged.
func (p piece) direct() bool {
	same := map[weights.DType]kernels.Format{weights.F32: kernels.F32, weights.F16: kernels.F16}
	f, ok := same[p.info.DType]
	return ok && f == p.format && p.info.PairedRows == 0
}

// repacked reports whether the file's blocks become the device's blocks without dequantization.
func (p piece) repacked() bool {
	return (p.format == kernels.Q4 || p.format == kernels.Q8) && kernels.ExactFormat(string(p.info.DType)) == p.format
}

// unquantized reports whether the file stores plain numbers instead of quantized blocks.
func (p piece) unquantized() bool {
	elements, _ := p.info.DType.Block()
	return elements == 1
}
