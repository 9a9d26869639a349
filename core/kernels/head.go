package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// HeadStateWidth is the number of f32 values that the fused head keeps for each response token.
// shaders/head_reduce.wgsl describes them.
const HeadStateWidth = 16

// HeadInit records the initial state of the fused head, before any column: state is [R,
// HeadStateWidth].
func HeadInit(dual bool, state *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("head_init", nil, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state},
		Groups:  func(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r), 64) },
	}
}

// HeadReduce records folding the logits z [head rows, stride] of the vocabulary columns c0 to
// c0+cols into state [R, HeadStateWidth]: the log-sum-exps of z^h, z^0 and z^h−z^0, and the logits
// of targets [R] u32. With dual, the head rows are R with history, then R without; otherwise they
// are R. stride is a multiple of 4.
func HeadReduce(dual bool, c0, cols, stride int, z, targets, state *gpu.Tensor, form ...RowForm) gpu.Dispatch {
	checkHead(cols, stride)
	values := wgsl.Values{"WORKGROUP": chosen(form).workgroup(), "DUAL": wgsl.Bool(dual)}
	return gpu.Dispatch{
		Program: program("head_reduce", values, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4)},
		Args:    []*gpu.Tensor{z, targets, state},
		Groups:  func(r *gpu.Replay) [3]uint32 { return chosen(form).groups(PerResponse.Count(r), 16) },
		Flops:   func(r *gpu.Replay) float64 { return 20 * float64(PerHeadRow.Count(r)*cols) },
	}
}

// Point is a mixture of both branches at a temperature: the logits (z^0 + Steer·(z^h − z^0)) /
// Temperature. Steer 1 is z^h, and 0 is z^0.
type Point struct {
	Steer, Temperature float32
}

// PointWords returns points in the layout of HeadPoints.
func PointWords(points []Point) []float32 {
	var v []float32
	for _, p := range points {
		v = append(v, p.Steer, 1/p.Temperature)
	}
	return v
}

// PointStateWidth is the number of f32 values that HeadPoints keeps for each point of a response
// token.
const PointStateWidth = 4

// HeadPoints records folding the logits z [head rows, stride] of the columns c0 to c0+cols into
// state [R, count, PointStateWidth], the log-sum-exps of the mixtures points [count, 2]; see
// PointWords. Chunks follow each other from c0 = 0 on. Without dual, Steer has no effect.
func HeadPoints(dual bool, count, c0, cols, stride int, z, targets, points, state *gpu.Tensor) gpu.Dispatch {
	checkHead(cols, stride)
	return gpu.Dispatch{
		Program: program("head_points", wgsl.Values{"DUAL": wgsl.Bool(dual)}, gpu.ReadStorage, gpu.ReadStorage,
			gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4), uint32(count)},
		Args:   []*gpu.Tensor{z, targets, points, state},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r)*count, 64) },
		Flops:  func(r *gpu.Replay) float64 { return 10 * float64(PerResponse.Count(r)*count*cols) },
	}
}

// PointScore is what HeadPoints gives for one point of a response token.
type PointScore struct {
	Logp float32 // log p[y], in nats
	// Margin is log(p[y] / max p), at most 0: 0 if y is the most likely token.
	Margin float32
}

// PointScoreAt decodes the state at the start of v, PointStateWidth values.
func PointScoreAt(v []float32) PointScore {
	margin := v[2] - v[0]
	return PointScore{Logp: margin - float32(math.Log(float64(v[1]))), Margin: margin}
}

// HeadGradSpec holds the parameters of HeadGrad.
type HeadGradSpec struct {
	Dual bool
	// Counterfactual propagates the gradient of L_p to the rows without history.
	Counterfactual bool
	// Erased is β, the share of CE(z^0, y) in the cross-entropy of L_n. It needs Dual.
	Erased float32
}

// HeadGrad records replacing the logits z [head rows, stride] of the columns c0 to c0+cols by the
// gradient of the objective. coef [R, 2] holds the factors of CE(z^h, y) and CE(z^h−z^0, y).
// Columns from cols up to the next multiple of 4 become 0. state is complete.
func HeadGrad(s HeadGradSpec, c0, cols, stride int, z, targets, state, coef *gpu.Tensor) gpu.Dispatch {
	checkHead(cols, stride)
	quarter := ceilDiv(ceilDiv(cols, 4), 4)
	return gpu.Dispatch{
		Program: program("head_grad", wgsl.Values{
			"DUAL": wgsl.Bool(s.Dual), "COUNTERFACTUAL": wgsl.Bool(s.Counterfactual),
			"ERASED": wgsl.Bool(s.Erased != 0),
		}, gpu.WriteStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage),
		Shape:  gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4), gpu.F(s.Erased)},
		Args:   []*gpu.Tensor{z, targets, state, coef},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r)*quarter, 64) },
		Flops:  func(r *gpu.Replay) float64 { return 20 * float64(PerHeadRow.Count(r)*cols) },
	}
}

// checkHead panics if the shaders cannot address the columns, which is a mistake in the code that
// records the plan.
func checkHead(cols, stride int) {
	if cols < 1 || stride%4 != 0 || stride < cols {
		panic(fmt.Sprintf("kernels: head: stride %d must be a multiple of 4 and at least %d columns", stride, cols))
	}
}
