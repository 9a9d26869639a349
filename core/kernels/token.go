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
// a product, group the number of invocations of a workgroup: TEAM, TN and GROUP of
// shaders/token_form.wgsl.
func (f TokenForm) team() (team, columns, group int) {
	if f.Shared {
		return 16, 1, 64
	}
	return 1, 8, 8
}

func (f TokenForm) lanes() int {
	if f.Shared {
		return 64
	}
	return 8
}

// uniform is the number of vec4s of an input of rows of width values that is read as uniform, or 0:
// UNIFORM of shaders/token_shape.wgsl.
func (f TokenForm) uniform(width int) int {
	if f.Shared || 4*f.Rows*width > gpu.RequiredUniformSize {
		return 0
	}
	return f.Rows * width / 4
}

func (f TokenForm) check() {
	if f.Rows < 1 || f.Rows > MaxTokenRows {
		panic(fmt.Sprintf("kernels: token: %d rows", f.Rows))
	}
}

// tokenArgs are the tensors of a dispatch with their access, without those that are nil.
type tokenArgs struct {
	tensors []*gpu.Tensor
	access  []gpu.Access
}

func (a *tokenArgs) add(access gpu.Access, tensors ...*gpu.Tensor) {
	for _, t := range tensors {
		if t != nil {
			a.tensors, a.access = append(a.tensors, t), append(a.access, access)
		}
	}
}

// dispatch has the same workgroup counts and work in each replay.
func (a *tokenArgs) dispatch(p *gpu.Program, shape gpu.Shape, groups [3]uint32, flops int) gpu.Dispatch {
	return gpu.Dispatch{
		Program: p, Shape: shape, Args: a.tensors,
		Groups: func(*gpu.Replay) [3]uint32 { return groups },
		Flops:  func(*gpu.Replay) float64 { return float64(flops) },
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
	var a tokenArgs
	a.add(gpu.ReadStorage, x, gain)
	a.add(gpu.WriteStorage, out)
	if total+s.Second.Rank > 0 {
		a.add(gpu.ReadStorage, params)
	}
	a.add(gpu.ReadStorage, v)
	a.add(gpu.WriteStorage, complete)
	p := program("token_norm", wgsl.Values{
		"LANES": s.lanes(), "LOW": wgsl.Bool(total > 0), "SECOND": wgsl.Bool(s.Second.Rank > 0),
	}, a.access...)
	shape := gpu.Shape{0: uint32(s.Features / 4), uint32((s.Features + total) / 4), gpu.F(s.Eps)}
	for i, low := range l {
		shape[3+i], shape[6+i], shape[9+i] = uint32(low.Rank/4), uint32(low.A/4), gpu.F(low.Scale)
	}
	shape[12], shape[13] = uint32(s.Second.Rank/4), uint32(s.Second.B/4)
	groups := [3]uint32{uint32(max(1, ceilDiv(total, 8))), uint32(s.Rows), 1}
	return a.dispatch(p, shape, groups, s.Rows*s.Features*(4+2*total+2*s.Second.Rank))
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
	// Gated: the matrices are gate and up, with as many columns, a multiple of 4, and y [rows,
	// columns] is silu(gate·x) · (up·x). It excludes biases, First, Add and Stride.
	Gated bool
}

// TokenLinear records the linear layers y (=|+=) x·Wᵀ + u·Bᵀ + bias of a decoded token: x [rows, In
// + Σ Rank], w the matrices, y [rows, Stride], bias the biases, params the factors of the adapters.
// With First, v [rows, Rank] becomes Scale·A·x. bias, params and v are nil without what they hold.
func TokenLinear(s TokenLinearSpec, x, w, y, bias, params, v *gpu.Tensor) gpu.Dispatch {
	s.check()
	lows, total := threeRanks(s.Lows)
	team, tn, group := s.team()
	var a tokenArgs
	uniform := s.uniform(s.In + total)
	if uniform > 0 {
		a.add(gpu.ReadUniform, x)
	} else {
		a.add(gpu.ReadStorage, x)
	}
	a.add(gpu.ReadStorage, w)
	a.add(gpu.WriteStorage, y)
	a.add(gpu.ReadStorage, bias)
	if total+s.First.Rank > 0 {
		a.add(gpu.ReadStorage, params)
	}
	a.add(gpu.WriteStorage, v)
	file := "token_linear"
	if s.Gated {
		file = "token_swiglu"
	}
	// CPU devices sum Q8 and Q4 block by block. Other formats, GPUs and what remains of a row take
	// the loop over single vec4s.
	blocks := !s.Shared && (s.Format == Q8 || s.Format == Q4)
	p := s.Format.program(file, wgsl.Values{
		"TM": s.Rows, "SHARED": wgsl.Bool(s.Shared), "HALF": 0, "BIAS": wgsl.Bool(bias != nil),
		"LOW": wgsl.Bool(total > 0), "FIRST": wgsl.Bool(s.First.Rank > 0), "UNIFORM": uniform,
		"REST": wgsl.Bool(!blocks || s.In%blockValues != 0),
	}, a.access...)
	shape := gpu.Shape{0: uint32(s.In / 4), uint32((s.In + total) / 4), 3: flag(s.Add)}
	tiles, out := 0, 0
	for i, n := range s.Columns {
		shape[4+i] = uint32(n)
		tiles, out = tiles+ceilDiv(n, tn), out+n
	}
	if s.Shared {
		tiles = RowStride(out) // the padding of y is a column, too
	}
	shape[2] = uint32(max(s.Stride, RowStride(out)))
	if s.Gated {
		tiles = ceilDiv(out/2, max(1, tn/2))
	}
	groups := ceilDiv(tiles, group/team)
	if s.First.Rank > 0 {
		copy(shape[5:], []uint32{
			uint32(groups), uint32(s.First.A / 4), uint32(s.First.Rank), gpu.F(s.First.Scale),
		})
		groups += ceilDiv(s.First.Rank, group/team)
	}
	for i := 1; i < len(s.Columns); i++ {
		shape[6+i] = uint32(s.Starts[i] / s.Format.elementBytes())
		if bias != nil {
			shape[8+i] = uint32(s.Biases[i])
		}
	}
	for i := range s.Lows {
		shape[11+i] = uint32(lows[i].B / 4)
		shape[14] |= uint32(lows[i].Rank / 4 << (10 * i))
	}
	return a.dispatch(p, shape, linearGroups(groups, 1), 2*s.Rows*(out*(s.In+total)+s.First.Rank*s.In))
}
