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
	// Low is the largest sum of the ranks of the adapters that one dispatch reads, a multiple of 4;
	// 0 means that there are no adapters.
	Low int
}

// MaxTokenRows is the largest TokenForm.Rows: the kernels keep a sum of each row in registers.
const MaxTokenRows = 2

// MaxTokenLow is the largest TokenForm.Low: one dispatch holds these values in workgroup memory.
const MaxTokenLow = 1024

// LowRank is an adapter of one linear layer: scale·B·A, with the factors A [Rank, in] and B [out,
// Rank] at these values of a flat tensor. A and B are multiples of 4, as is Rank, which is 0
// without an adapter.
type LowRank struct {
	Rank  int
	Scale float32
	A, B  int
}

// lowWords packs ranks, in units of 4, as the shaders read them.
func lowWords(lows []LowRank) (word uint32, total int) {
	for i, l := range lows {
		word |= uint32(l.Rank/4) << (10 * i)
		total += l.Rank
	}
	return word, total
}

// team is the number of invocations that share a column, columns the number that a team computes,
// group the number of invocations of a workgroup.
func (f TokenForm) team() (team, columns, group int) {
	if f.Shared {
		return 16, 1, 64
	}
	// Measured with Q4 on llvmpipe, 4 columns take 1.2 times as long and 16 hardly less, but these
	// take twice as long to compile. 8 invocations are one SIMD group.
	return 1, 8, 8
}

func (f TokenForm) lanes() int {
	if f.Shared {
		return 64
	}
	return 8
}

func (f TokenForm) check(low int) {
	if f.Rows < 1 || f.Rows > MaxTokenRows || low > f.Low || f.Low > MaxTokenLow {
		panic(fmt.Sprintf("kernels: token: %d rows, ranks %d of %d", f.Rows, low, f.Low))
	}
}

// TokenNorm records h = norm(x) as RMSNorm, and u = Scale·A·h for the adapters of up to three layers
// that read h: x [rows, features], gain [features], features a multiple of 4. params holds the
// factors; without adapters it is nil. out is [rows, features + Σ Rank]: h, then each u.
func TokenNorm(f TokenForm, features int, eps float32, lows []LowRank, x, gain, params, out *gpu.Tensor) gpu.Dispatch {
	_, total := lowWords(lows)
	f.check(total)
	var l [3]LowRank
	copy(l[:], lows)
	args := []*gpu.Tensor{x, gain, out}
	access := []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}
	if total > 0 {
		args, access = append(args, params), append(access, gpu.ReadStorage)
	}
	return gpu.Dispatch{
		Program: program("token_norm", wgsl.Values{"LANES": f.lanes(), "LOW": wgsl.Bool(total > 0)}, access...),
		Shape: gpu.Shape{
			uint32(features / 4), uint32((features + total) / 4), gpu.F(eps), uint32(l[0].Rank / 4), uint32(l[1].Rank / 4),
			uint32(l[0].A / 4), uint32(l[1].A / 4), uint32(l[2].A / 4),
			gpu.F(l[0].Scale), gpu.F(l[1].Scale), gpu.F(l[2].Scale),
		},
		Args: args,
		Groups: func(*gpu.Replay) [3]uint32 {
			return [3]uint32{uint32(max(1, total/4)), uint32(f.Rows), 1}
		},
		Flops: func(*gpu.Replay) float64 { return float64(f.Rows * features * (4 + 2*total)) },
	}
}

// TokenLinearSpec is the shape of TokenLinear.
type TokenLinearSpec struct {
	TokenForm
	In int // features of x, a multiple of 4
	// Partials is the number of parts of A·x that follow the features in a row of x.
	Partials int
	// Columns are those of up to three matrices with the same input; all but the last are multiples
	// of 4.
	Columns []int
	// Starts are the first bytes of the matrices in w, multiples of 4; the first is 0.
	Starts []int
	// Biases are the first values of the biases in bias; the first is 0.
	Biases []int
	Lows   []LowRank // one for each matrix, or none
	Format Format
	// Add adds to y: the residual connection.
	Add bool
	// Stride is the row stride of y, a multiple of 4; 0 means RowStride(Σ Columns).
	Stride int
}

// TokenLinear records the linear layers y (=|+=) x·Wᵀ + Σ u·Bᵀ + bias of a decoded token: x [rows,
// In + Partials·Σ Rank], w the matrices, y [rows, Stride], params the factors of the
// adapters, bias the biases. params is nil without adapters in the form, bias without biases.
func TokenLinear(s TokenLinearSpec, x, w, y, params, bias *gpu.Tensor) gpu.Dispatch {
	ranks, total := lowWords(s.Lows)
	s.check(total)
	team, tn, group := s.team()
	args := []*gpu.Tensor{x, w, y}
	access := []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}
	if bias != nil {
		args, access = append(args, bias), append(access, gpu.ReadStorage)
	}
	if s.Low > 0 {
		args, access = append(args, params), append(access, gpu.ReadStorage)
	}
	var n, w0, b0 [3]int
	copy(n[:], s.Columns)
	copy(b0[:], s.Biases)
	for i, start := range s.Starts {
		w0[i] = start / s.Format.elementBytes()
	}
	var lows [3]LowRank
	copy(lows[:], s.Lows)
	tiles := ceilDiv(n[0], tn) + ceilDiv(n[1], tn) + ceilDiv(n[2], tn)
	out := n[0] + n[1] + n[2]
	stride := max(s.Stride, RowStride(out))
	if s.Shared {
		tiles = RowStride(out) // the padding of y is a column, too
	}
	return gpu.Dispatch{
		Program: s.Format.program("token_linear", wgsl.Values{
			"TM": s.Rows, "TN": tn, "TEAM": team, "GROUP": group, "HALF": 0,
			"LOW": s.Rows * s.Low / 4, "BIAS": wgsl.Bool(bias != nil),
		}, access...),
		Shape: gpu.Shape{
			uint32(s.In / 4), uint32((s.In + s.Partials*total) / 4), uint32(stride), flag(s.Add),
			uint32(n[0]), uint32(n[1]), uint32(n[2]), uint32(w0[1]), uint32(w0[2]), uint32(b0[1]), uint32(b0[2]),
			uint32(lows[0].B / 4), uint32(lows[1].B / 4), uint32(lows[2].B / 4), ranks, uint32(s.Partials),
		},
		Args:   args,
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(tiles, group/team) },
		Flops:  func(*gpu.Replay) float64 { return 2 * float64(s.Rows*out*(s.In+total)) },
	}
}

// TokenMLPSpec is the shape of TokenSwiGLU.
type TokenMLPSpec struct {
	TokenForm
	In, Columns int     // multiples of 4
	Up          int     // first byte of up in w; gate starts at 0
	Gate, Lift  LowRank // adapters of gate and up
	Down        LowRank // adapter of the layer that reads y
	Format      Format
}

// Partials is the number of parts of A·y that TokenSwiGLU writes.
func (s TokenMLPSpec) Partials() int {
	team, tn, group := s.team()
	if s.Shared {
		tn = 2
	}
	return ceilDiv(s.Columns, group/team*tn/2)
}

// TokenSwiGLU records y = silu(gate·x) · (up·x) of a decoded token: x [rows, In + Σ Rank], w the
// two matrices, y [rows, Columns + Partials·Down.Rank]: the values, then the parts of Scale·A·y.
// params is nil without adapters in the form.
func TokenSwiGLU(s TokenMLPSpec, x, w, y, params *gpu.Tensor) gpu.Dispatch {
	ranks, total := lowWords([]LowRank{s.Gate, s.Lift})
	s.check(total)
	team, tn, group := s.team()
	if s.Shared {
		tn = 2
	}
	args := []*gpu.Tensor{x, w, y}
	access := []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}
	if s.Low > 0 {
		args, access = append(args, params), append(access, gpu.ReadStorage)
	}
	parts := s.Partials()
	return gpu.Dispatch{
		Program: s.Format.program("token_swiglu", wgsl.Values{
			"TM": s.Rows, "TN": tn, "TEAM": team, "GROUP": group, "HALF": 0,
			"LOW": s.Rows * s.Low / 4, "DOWN": wgsl.Bool(s.Low > 0),
		}, access...),
		Shape: gpu.Shape{
			uint32(s.In / 4), uint32((s.In + total) / 4), uint32(s.Columns + parts*s.Down.Rank), uint32(s.Columns),
			uint32(s.Up / s.Format.elementBytes()), uint32(s.Gate.B / 4), uint32(s.Lift.B / 4), ranks, 1,
			uint32(s.Down.A / 4), uint32(s.Down.Rank), gpu.F(s.Down.Scale),
		},
		Args:   args,
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(parts, 1) },
		Flops: func(*gpu.Replay) float64 {
			return 2 * float64(s.Rows*s.Columns*(2*s.In+total+s.Down.Rank))
		},
	}
}
