package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// TokenForm is how the kernels that decode a token divide their work.
type TokenForm struct {
	// Rows is the number of rows of every tensor, at most MaxTokenRows: one for each branch.
	Rows int
	// Shared: 16 invocations share a column, for GPUs. Otherwise each invocation computes several
	// columns, for CPU devices.
	Shared bool
}

// MaxTokenRows is the largest TokenForm.Rows: the kernels keep a sum of each row in registers.
const MaxTokenRows = 2

// LowRank is an adapter of one linear layer: scale·B·A, with the factors A [Rank, in] and B [out,
// Rank] at these values of a flat tensor. A, B and Rank are multiples of 4; Rank is at most
// MaxTokenRank, and 0 without an adapter.
type LowRank struct {
	Rank  int
	Scale float32
	A, B  int
}

// MaxTokenRank is the largest LowRank.Rank: a kernel packs three of them into a word.
const MaxTokenRank = 4092

// threeRanks returns up to three adapters, and the sum of their ranks.
func threeRanks(lows []LowRank) (l [3]LowRank, total int) {
	copy(l[:], lows)
	return l, l[0].Rank + l[1].Rank + l[2].Rank
}

// team is the number of invocations that share columns, columns the number that a team computes of
// a product, group the number of invocations of a workgroup.
func (f TokenForm) team() (team, columns, group int) {
	if f.Shared {
		return 16, 1, 64
	}
	// Measured with Q4 on llvmpipe, 4 columns take 1.2 times as long; 16 take as long, and three
	// times as long to compile. 8 invocations are one SIMD group.
	return 1, 8, 8
}

func (f TokenForm) lanes() int {
	if f.Shared {
		return 64
	}
	return 8
}

func (f TokenForm) check() {
	if f.Rows < 1 || f.Rows > MaxTokenRows {
		panic(fmt.Sprintf("kernels: token: %d rows", f.Rows))
	}
}

// bindings collects the tensors of a dispatch that are present.
type bindings struct {
	args   []*gpu.Tensor
	access []gpu.Access
}

func (b *bindings) add(a gpu.Access, tensors ...*gpu.Tensor) {
	for _, t := range tensors {
		if t != nil {
			b.args, b.access = append(b.args, t), append(b.access, a)
		}
	}
}

// TokenNormSpec is the shape of TokenNorm.
type TokenNormSpec struct {
	TokenForm
	Features int // a multiple of 4
	Eps      float32
	Lows     []LowRank // adapters of up to three layers that read h
	Second   LowRank   // adapter of the layer that gave x; its Rank is 0 if x is complete
}

// TokenNorm records h = norm(x) as RMSNorm, and u = Scale·A·h for adapters: x [rows, Features],
// gain [Features], params the factors of the adapters, nil without any. out is [rows, Features + Σ
// Rank]: h, then each u. With Second, v [rows, Rank] are the values from TokenLinear; x + B·v is
// normalized instead of x, and written to complete [rows, Features]. Otherwise v and complete are
// nil.
func TokenNorm(s TokenNormSpec, x, gain, out, params, v, complete *gpu.Tensor) gpu.Dispatch {
	s.check()
	l, total := threeRanks(s.Lows)
	var b bindings
	b.add(gpu.ReadStorage, x, gain)
	b.add(gpu.WriteStorage, out)
	if total+s.Second.Rank > 0 {
		b.add(gpu.ReadStorage, params)
	}
	b.add(gpu.ReadStorage, v)
	b.add(gpu.WriteStorage, complete)
	return gpu.Dispatch{
		Program: program("token_norm", wgsl.Values{
			"LANES": s.lanes(), "LOW": wgsl.Bool(total > 0), "SECOND": wgsl.Bool(s.Second.Rank > 0),
		}, b.access...),
		Shape: gpu.Shape{
			uint32(s.Features / 4), uint32((s.Features + total) / 4), gpu.F(s.Eps),
			uint32(l[0].Rank / 4), uint32(l[1].Rank / 4), uint32(l[2].Rank / 4),
			uint32(l[0].A / 4), uint32(l[1].A / 4), uint32(l[2].A / 4),
			gpu.F(l[0].Scale), gpu.F(l[1].Scale), gpu.F(l[2].Scale),
			uint32(s.Second.Rank / 4), uint32(s.Second.B / 4),
		},
		Args: b.args,
		Groups: func(*gpu.Replay) [3]uint32 {
			return [3]uint32{uint32(max(1, ceilDiv(total, 8))), uint32(s.Rows), 1}
		},
		Flops: func(*gpu.Replay) float64 { return float64(s.Rows * s.Features * (4 + 2*total + 2*s.Second.Rank)) },
	}
}

// TokenLinearSpec is the shape of TokenLinear.
type TokenLinearSpec struct {
	TokenForm
	In int // features of x, a multiple of 4
	// Columns are those of up to three matrices with the same input; all but the last are multiples
	// of 4.
	Columns []int
	// Starts are the first bytes of the matrices in w, multiples of 16; the first is 0.
	Starts []int
	// Biases are the first values of the biases in bias; the first is 0.
	Biases []int
	Lows   []LowRank // adapters of the matrices, whose u follow the features in a row of x
	// First is an adapter of the only matrix: its first half is computed, too, and TokenNorm adds
	// the second. It excludes Lows.
	First  LowRank
	Format Format
	// Add adds to y: the residual connection.
	Add bool
	// Stride is the row stride of y, a multiple of 4; 0 means RowStride(Σ Columns).
	Stride int
}

// TokenLinear records the linear layers y (=|+=) x·Wᵀ + u·Bᵀ + bias of a decoded token: x [rows, In
// + Σ Rank], w the matrices, y [rows, Stride], bias the biases, params the factors of the adapters.
// With First, v [rows, Rank] becomes Scale·A·x. bias, params and v are nil without what they hold.
func TokenLinear(s TokenLinearSpec, x, w, y, bias, params, v *gpu.Tensor) gpu.Dispatch {
	s.check()
	lows, total := threeRanks(s.Lows)
	team, tn, group := s.team()
	var b bindings
	b.add(gpu.ReadStorage, x, w)
	b.add(gpu.WriteStorage, y)
	b.add(gpu.ReadStorage, bias)
	if total+s.First.Rank > 0 {
		b.add(gpu.ReadStorage, params)
	}
	b.add(gpu.WriteStorage, v)
	var n, w0, b0 [3]int
	copy(n[:], s.Columns)
	copy(b0[:], s.Biases)
	for i, start := range s.Starts {
		w0[i] = start / s.Format.elementBytes()
	}
	tiles, out := 0, 0
	for _, columns := range n {
		tiles, out = tiles+ceilDiv(columns, tn), out+columns
	}
	if s.Shared {
		tiles = RowStride(out) // the padding of y is a column, too
	}
	groups := ceilDiv(tiles, group/team)
	shape := gpu.Shape{
		uint32(s.In / 4), uint32((s.In + total) / 4), uint32(max(s.Stride, RowStride(out))), flag(s.Add),
		uint32(n[0]), uint32(n[1]), uint32(n[2]), uint32(w0[1]), uint32(w0[2]), uint32(b0[1]), uint32(b0[2]),
		uint32(lows[0].B / 4), uint32(lows[1].B / 4), uint32(lows[2].B / 4),
		uint32(lows[0].Rank/4 | lows[1].Rank/4<<10 | lows[2].Rank/4<<20),
	}
	if s.First.Rank > 0 {
		copy(shape[5:], []uint32{
			uint32(groups), uint32(s.First.A / 4), uint32(s.First.Rank), gpu.F(s.First.Scale),
		})
		groups += ceilDiv(s.First.Rank, group/team)
	}
	return gpu.Dispatch{
		Program: s.Format.program("token_linear", wgsl.Values{
			"TM": s.Rows, "TN": tn, "TEAM": team, "GROUP": group, "HALF": 0, "BIAS": wgsl.Bool(bias != nil),
			"LOW": wgsl.Bool(total > 0), "FIRST": wgsl.Bool(s.First.Rank > 0),
		}, b.access...),
		Shape:  shape,
		Args:   b.args,
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(groups, 1) },
		Flops: func(*gpu.Replay) float64 {
			return 2 * float64(s.Rows*(out*(s.In+total)+s.First.Rank*s.In))
		},
	}
}

// TokenMLPSpec is the shape of TokenSwiGLU.
type TokenMLPSpec struct {
	TokenForm
	In, Columns int     // multiples of 4
	Up          int     // first byte of up in w, a multiple of 16; gate starts at 0
	Gate, Lift  LowRank // adapters of gate and up
	Format      Format
}

// TokenSwiGLU records y = silu(gate·x) · (up·x) of a decoded token: x [rows, In + Σ Rank], w the
// two matrices, y [rows, Columns], params the factors of the adapters, nil without any.
func TokenSwiGLU(s TokenMLPSpec, x, w, y, params *gpu.Tensor) gpu.Dispatch {
	s.check()
	total := s.Gate.Rank + s.Lift.Rank
	team, tn, group := s.team()
	tn = max(tn, 2)
	var b bindings
	b.add(gpu.ReadStorage, x, w)
	b.add(gpu.WriteStorage, y)
	if total > 0 {
		b.add(gpu.ReadStorage, params)
	}
	return gpu.Dispatch{
		Program: s.Format.program("token_swiglu", wgsl.Values{
			"TM": s.Rows, "TN": tn, "TEAM": team, "GROUP": group, "HALF": 0, "LOW": wgsl.Bool(total > 0),
		}, b.access...),
		Shape: gpu.Shape{
			uint32(s.In / 4), uint32((s.In + total) / 4), uint32(s.Columns), uint32(s.Up / s.Format.elementBytes()),
			uint32(s.Gate.B / 4), uint32(s.Lift.B / 4), uint32(s.Gate.Rank / 4), uint32(s.Lift.Rank / 4),
		},
		Args:   b.args,
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(ceilDiv(s.Columns, tn/2), group/team) },
		Flops:  func(*gpu.Replay) float64 { return 2 * float64(s.Rows*s.Columns*(2*s.In+total)) },
	}
}
