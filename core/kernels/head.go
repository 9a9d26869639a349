package kernels

import (
	"fmt"

	"nextquill/core/gpu"
)

// HeadStateWidth is the number of f32 values the fused head keeps for each
// response token; shaders/head_reduce.wgsl says which.
const HeadStateWidth = 16

// HeadInit records the start of the fused head: state [R, HeadStateWidth] of no
// columns.
func HeadInit(dual bool, state *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("head_init", nil, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state},
		Groups:  func(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r), 64) },
	}
}

// HeadReduce records folding the logits z [head rows, stride] of vocabulary
// columns c0 to c0+cols into state [R, HeadStateWidth]: log-sum-exp of z^h, z^0
// and z^h−z^0, and the logits of targets [R] u32. With dual, head rows are R with
// history, then R without; else R. stride is a multiple of 4.
func HeadReduce(dual bool, c0, cols, stride int, z, targets, state *gpu.Tensor, form ...RowForm) gpu.Dispatch {
	checkHead(cols, stride)
	consts := chosen(form).consts()
	consts["DUAL"] = dual
	return gpu.Dispatch{
		Program: program("head_reduce", consts, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4)},
		Args:    []*gpu.Tensor{z, targets, state},
		Groups:  func(r *gpu.Replay) [3]uint32 { return chosen(form).groups(PerResponse.Count(r), 16) },
		Flops:   func(r *gpu.Replay) float64 { return 20 * float64(PerHeadRow.Count(r)*cols) },
	}
}

// HeadGrad records replacing the logits z [head rows, stride] of columns c0 to
// c0+cols by the objective's gradient, for coef [R, 2]: factors of CE(z^h, y)
// and CE(z^h−z^0, y). Columns from cols up to the next multiple of 4 become 0.
// Without counterfactual the rows without history become 0. state is complete.
func HeadGrad(dual bool, c0, cols, stride int, counterfactual bool, z, targets, state, coef *gpu.Tensor) gpu.Dispatch {
	checkHead(cols, stride)
	quarter := ceilDiv(ceilDiv(cols, 4), 4)
	return gpu.Dispatch{
		Program: program("head_grad", Consts{"DUAL": dual, "COUNTERFACTUAL": counterfactual},
			gpu.WriteStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage),
		Shape:  gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4)},
		Args:   []*gpu.Tensor{z, targets, state, coef},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r)*quarter, 64) },
		Flops:  func(r *gpu.Replay) float64 { return 20 * float64(PerHeadRow.Count(r)*cols) },
	}
}

// checkHead refuses what the shaders cannot address: a bug of recording code.
func checkHead(cols, stride int) {
	if cols < 1 || stride%4 != 0 || stride < cols {
		panic(fmt.Sprintf("kernels: head: %d columns need a stride that is a multiple of 4 and no less, not %d", cols, stride))
	}
}
