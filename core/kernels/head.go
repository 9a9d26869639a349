package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
)

// HeadStateWidth is the number of f32 values the fused head keeps for each
// response token; shaders/head_reduce.wgsl says which.
const HeadStateWidth = 16

// Where a token's state has what.
const (
	headPeakWith = iota
	headSumWith
	headPeakWithout
	headSumWithout
	headPeakDiff
	headSumDiff
	headLabelWith
	headLabelWithout
)

// HeadInit records the start of the fused head: state [R, HeadStateWidth] of no
// columns.
func HeadInit(dual bool, state *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("head_init", nil, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state},
		Groups:  func(d *gpu.Dyn) [3]uint32 { return linearGroups(int(d.Responses), 64) },
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
		Groups:  func(d *gpu.Dyn) [3]uint32 { return chosen(form).groups(int(d.Responses), 16) },
		Flops:   func(d *gpu.Dyn) float64 { return 20 * float64(int(d.Rows)*cols) },
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
		Groups: func(d *gpu.Dyn) [3]uint32 { return linearGroups(int(d.Responses)*quarter, 64) },
		Flops:  func(d *gpu.Dyn) float64 { return 20 * float64(int(d.Rows)*cols) },
	}
}

// checkHead refuses what the shaders cannot address: a bug of recording code.
func checkHead(cols, stride int) {
	if cols < 1 || stride%4 != 0 || stride < cols {
		panic(fmt.Sprintf("kernels: head: %d columns need a stride that is a multiple of 4 and no less, not %d", cols, stride))
	}
}

// HeadReduceRef is HeadInit and HeadReduce over a whole vocabulary on the CPU:
// logits [head rows, vocab].
func HeadReduceRef(dual bool, vocab int, logits []float32, targets []uint32, state []float32) {
	n := len(targets)
	for r, y := range targets {
		s, with := state[r*HeadStateWidth:], logits[r*vocab:(r+1)*vocab]
		clear(s[:HeadStateWidth])
		s[headPeakWithout], s[headPeakDiff] = -3e38, -3e38
		s[headPeakWith], s[headSumWith] = peakAndSum(with)
		s[headLabelWith] = with[y]
		if !dual {
			continue
		}
		without := logits[(r+n)*vocab : (r+n+1)*vocab]
		s[headPeakWithout], s[headSumWithout] = peakAndSum(without)
		s[headPeakDiff], s[headSumDiff] = peakAndSum(minus(with, without))
		s[headLabelWithout] = without[y]
	}
}

// HeadGradRef is HeadGrad over a whole vocabulary on the CPU: it replaces logits
// [head rows, vocab] by their gradient.
func HeadGradRef(dual bool, vocab int, counterfactual bool, logits []float32, targets []uint32, coef []float32) {
	n := len(targets)
	for r, y := range targets {
		a, b, with := coef[2*r], coef[2*r+1], logits[r*vocab:(r+1)*vocab]
		p := softmax64(with)
		var without []float32
		q := make([]float64, vocab)
		if dual {
			without = logits[(r+n)*vocab : (r+n+1)*vocab]
			q = softmax64(minus(with, without))
			q[y]--
		}
		p[y]--
		for v := range vocab {
			with[v] = float32(float64(a)*p[v] + float64(b)*q[v])
			if dual {
				without[v] = 0
			}
			if dual && counterfactual {
				without[v] = -float32(float64(b) * q[v])
			}
		}
	}
}

func minus(a, b []float32) []float32 {
	d := make([]float32, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// peakAndSum returns the maximum of z and Σ e^(z−maximum).
func peakAndSum(z []float32) (peak, sum float32) {
	peak = z[0]
	for _, v := range z {
		peak = max(peak, v)
	}
	var s float64
	for _, v := range z {
		s += math.Exp(float64(v) - float64(peak))
	}
	return peak, float32(s)
}

func softmax64(z []float32) []float64 {
	peak, _ := peakAndSum(z)
	p := make([]float64, len(z))
	var sum float64
	for i, v := range z {
		p[i] = math.Exp(float64(v) - float64(peak))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func init() {
	register("head", func(c *Case) {
		n, vocab, chunk, dual := c.Size("responses"), c.Size("vocab"), c.Size("chunk"), c.Flag("dual")
		counterfactual := c.Flag("counterfactual")
		rows := n
		if dual {
			rows = 2 * n
		}
		c.Dyn.Responses, c.Dyn.Rows = uint32(n), uint32(rows)
		logits := make([]float32, rows*vocab)
		scale := max(6, c.Param("scale"))
		for i := range logits {
			logits[i] = float32(c.rng.NormFloat64()) * scale
		}
		ids := make([]uint32, n)
		for i := range ids {
			ids[i] = uint32(c.rng.IntN(vocab))
		}
		targets, coef := c.Words("targets", ids), c.Random("coef", 2*n)
		state := c.Garbage("state", n*HeadStateWidth)
		HeadReduceRef(dual, vocab, logits, ids, state.Host)
		grad := append([]float32(nil), logits...)
		HeadGradRef(dual, vocab, counterfactual, grad, ids, coef.Host)

		stride := RowStride(min(chunk, vocab)) + 4 // more than the columns need
		c.Record(HeadInit(dual, state.GPU))
		var grads []gpu.Dispatch
		for c0 := 0; c0 < vocab; c0 += chunk {
			cols := min(chunk, vocab-c0)
			z := c.Values("z", make([]float32, rows*stride))
			part := make([]float32, rows*stride)
			for r := range rows {
				copy(part[r*stride:r*stride+cols], logits[r*vocab+c0:])
				copy(z.Host[r*stride:r*stride+cols], grad[r*vocab+c0:])
			}
			b, _ := z.GPU.Handle()
			c.ctx.WriteF32(b, 0, part)
			c.Record(HeadReduce(dual, c0, cols, stride, z.GPU, targets, state.GPU, c.rowForm()))
			grads = append(grads, HeadGrad(dual, c0, cols, stride, counterfactual, z.GPU, targets, state.GPU, coef.GPU))
			c.Expect(z, 5e-6)
		}
		c.Record(grads...)
		c.Expect(state, 5e-6)
	})
}
