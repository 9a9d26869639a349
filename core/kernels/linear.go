package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// LinearSpec is the shape of a linear layer y = Wx with W [Out, In], and of an optional low-rank
// term (LoRA).
type LinearSpec struct {
	// Rows is the number of rows of X and Y.
	Rows Rows
	// In and Out are the numbers of features; In is a multiple of 4, Out need not be.
	In, Out int
	// OutStride is the row stride of Y and DY in elements: a multiple of 4, at least Out. 0 means
	// Out, which must then be a multiple of 4.
	OutStride int
	// Offset is the first column of Y and DY, in elements: a multiple of 4. With it, the parts of a
	// matrix that is split by rows write to the columns of one tensor.
	Offset int
	// Format is how W is stored; LinearWeightGrad ignores it.
	Format Format
	// Accumulate adds to the output instead of replacing it.
	Accumulate bool
	// Rank is the rank of the low-rank term, a multiple of 4; 0 means no such term.
	Rank int
	// Scale is the factor of the low-rank term (LoRA's alpha/rank), and of the result of
	// LinearWeightGrad.
	Scale float32
}

// LinearForward records Y (=|+=) X·Wᵀ + Scale·U·Bᵀ: X [rows, In], W [Out, In], Y [rows, Out]; U
// [rows, Rank] and B [Out, Rank] are nil if Rank is 0. The columns of Y from Out up to the next
// multiple of 4 become 0.
func LinearForward(t *Tune, s LinearSpec, x, w, y, u, b *gpu.Tensor) gpu.Dispatch {
	s = s.checked(u != nil && b != nil)
	return s.dispatch(linearForward, t, []*gpu.Tensor{x, w, y}, u, b)
}

// LinearInputGrad records DX (=|+=) DY·W + Scale·V·A: DY [rows, Out] with zeros in the columns from
// Out up to the next multiple of 4, W [Out, In], DX [rows, In]; V [rows, Rank] (DY·B) and A [Rank,
// In] are nil if Rank is 0.
func LinearInputGrad(t *Tune, s LinearSpec, dy, w, dx, v, a *gpu.Tensor) gpu.Dispatch {
	s = s.checked(v != nil && a != nil)
	return s.dispatch(linearInput, t, []*gpu.Tensor{dy, w, dx}, v, a)
}

// LinearWeightGrad records DW (=|+=) Scale·DYᵀ·X, summed over the rows in order: DY [rows, Out], X
// [rows, In], DW [Out, In]. It ignores Rank.
func LinearWeightGrad(t *Tune, s LinearSpec, dy, x, dw *gpu.Tensor) gpu.Dispatch {
	s.Rank, s.Format = 0, F32
	s = s.checked(false)
	return s.dispatch(linearWeight, t, []*gpu.Tensor{dy, x, dw}, nil, nil)
}

// linearKind is one of the three products of a linear layer.
type linearKind uint8

const (
	linearForward linearKind = iota
	linearInput
	linearWeight
)

func (k linearKind) String() string {
	return [...]string{"linear_forward", "linear_input", "linear_weight"}[k]
}

// checked fills in defaults. It panics if the spec breaks the rules of LinearSpec, which is a
// mistake in the code that records the plan.
func (s LinearSpec) checked(lowRank bool) LinearSpec {
	if s.OutStride == 0 {
		s.OutStride = s.Out
	}
	switch {
	case s.In <= 0 || s.In%4 != 0:
		panic(fmt.Sprintf("kernels: linear: In %d must be a positive multiple of 4", s.In))
	case s.Out <= 0 || s.OutStride < s.Offset+RowStride(s.Out) || s.OutStride%4 != 0 || s.Offset%4 != 0:
		panic(fmt.Sprintf("kernels: linear: Offset %d and OutStride %d must be multiples of 4 that hold Out %d",
			s.Offset, s.OutStride, s.Out))
	case s.Rank < 0 || s.Rank%4 != 0:
		panic(fmt.Sprintf("kernels: linear: Rank %d must be a multiple of 4", s.Rank))
	case lowRank != (s.Rank > 0):
		panic(fmt.Sprintf("kernels: linear: Rank %d and the low-rank tensors must go together", s.Rank))
	}
	return s
}

func (s LinearSpec) dispatch(kind linearKind, t *Tune, args []*gpu.Tensor, low, rank *gpu.Tensor) gpu.Dispatch {
	block := t.Linear.block(kind, s)
	access := []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}
	block.values["TERMS"] = 1
	block.values["HALF"] = wgsl.Bool(t.Half && s.Format == F16)
	block.values["KEPT"] = 1
	if kind != linearWeight && !t.Linear.Tiled {
		_, n := s.result(kind, likelyRows)
		block.values["WHOLE"] = wgsl.Bool(n%block.columns == 0)
		block.values["ADD"] = wgsl.Bool(s.Accumulate)
	}
	if s.Rank > 0 {
		block.values["TERMS"] = 2
		block.values["KEPT"] += block.values["HALF"]
		args = append(args, low, rank)
		access = append(access, gpu.ReadStorage, gpu.ReadStorage)
	}
	newProgram := s.Format.program
	if kind == linearWeight {
		newProgram = program
	}
	return gpu.Dispatch{
		Program: newProgram(block.file, block.values, access...),
		Shape: gpu.Shape{
			uint32(s.Rows), uint32(s.In / 4), uint32(s.Out), uint32(s.OutStride / 4),
			uint32(s.Rank / 4), flag(s.Accumulate), gpu.F(s.Scale), uint32(s.Offset / 4),
		},
		First: linearFirst,
		Args:  args,
		Groups: func(r *gpu.Replay) [3]uint32 {
			rows, cols := s.result(kind, s.Rows.Count(r))
			return linearGroups(ceilDiv(rows, block.rows)*ceilDiv(cols, block.columns), block.group)
		},
		Flops: func(r *gpu.Replay) float64 {
			rows := float64(s.Rows.Count(r))
			across := s.Out
			if kind == linearInput {
				across = s.In
			}
			return 2 * rows * (float64(s.In)*float64(s.Out) + float64(s.Rank)*float64(across))
		},
	}
}

// result is the size of the result of a product.
func (s LinearSpec) result(kind linearKind, rows int) (m, n int) {
	switch kind {
	case linearForward:
		return rows, s.Out
	case linearInput:
		return rows, s.In
	}
	if rows == 0 && s.Accumulate {
		return 0, 0
	}
	return s.Out, s.In
}
