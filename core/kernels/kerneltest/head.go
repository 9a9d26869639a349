package kerneltest

import (
	"math"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// The values in the state of a token, as in shaders/head_reduce.wgsl.
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

// HeadReduceRef is HeadInit and HeadReduce over the complete vocabulary on the CPU: logits is [head
// rows, vocab].
func HeadReduceRef(dual bool, vocab int, logits []float32, targets []uint32, state []float32) {
	n := len(targets)
	for r, y := range targets {
		s, with := state[r*kernels.HeadStateWidth:], logits[r*vocab:(r+1)*vocab]
		clear(s[:kernels.HeadStateWidth])
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

// HeadGradRef is HeadGrad over the complete vocabulary on the CPU. It replaces logits [head rows,
// vocab] by their gradient.
func HeadGradRef(s kernels.HeadGradSpec, vocab int, logits []float32, targets []uint32, coef []float32) {
	n, dual, beta := len(targets), s.Dual, float64(s.Erased)
	for r, y := range targets {
		a, b, with := coef[2*r], coef[2*r+1], logits[r*vocab:(r+1)*vocab]
		p := softmax64(with)
		var without []float32
		q, p0 := make([]float64, vocab), make([]float64, vocab)
		if dual {
			without = logits[(r+n)*vocab : (r+n+1)*vocab]
			p0 = softmax64(without)
			p0[y]--
			q = softmax64(minus(with, without))
			q[y]--
		}
		p[y]--
		for v := range vocab {
			with[v] = float32((1-beta)*float64(a)*p[v] + float64(b)*q[v])
			if !dual {
				continue
			}
			without[v] = 0
			if beta != 0 {
				without[v] = float32(beta * float64(a) * p0[v])
			}
			if s.Counterfactual {
				without[v] -= float32(float64(b) * q[v])
			}
		}
	}
}

// HeadPointsRef is HeadPoints over the complete vocabulary on the CPU.
func HeadPointsRef(dual bool, vocab int, logits []float32, targets []uint32, points []kernels.Point, state []float32) {
	n := len(targets)
	for r, y := range targets {
		with, without := logits[r*vocab:(r+1)*vocab], []float32(nil)
		if dual {
			without = logits[(r+n)*vocab : (r+n+1)*vocab]
		}
		for p, point := range points {
			l := make([]float32, vocab)
			for v := range l {
				l[v] = with[v]
				if dual {
					s := float64(point.Steer)
					l[v] = float32((1-s)*float64(without[v]) + s*float64(with[v]))
				}
				l[v] /= point.Temperature
			}
			at := state[(r*len(points)+p)*kernels.PointStateWidth:]
			at[0], at[1] = peakAndSum(l)
			at[2], at[3] = l[y], 0
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

func headCase(c *Case) {
	n, vocab, chunk, dual := c.Size("responses"), c.Size("vocab"), c.Size("chunk"), c.Flag("dual")
	spec := kernels.HeadGradSpec{Dual: dual, Counterfactual: c.Flag("counterfactual"), Erased: c.Param("erased")}
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
	state := c.Garbage("state", n*kernels.HeadStateWidth)
	HeadReduceRef(dual, vocab, logits, ids, state.Host)
	grad := append([]float32(nil), logits...)
	HeadGradRef(spec, vocab, grad, ids, coef.Host)

	stride := kernels.RowStride(min(chunk, vocab)) + 4 // more than the columns need
	c.Record(kernels.HeadInit(dual, state.GPU))
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
		c.Record(kernels.HeadReduce(dual, c0, cols, stride, z.GPU, targets, state.GPU, c.rowForm()))
		grads = append(grads, kernels.HeadGrad(spec, c0, cols, stride, z.GPU, targets, state.GPU, coef.GPU))
		c.Expect(z, 5e-6)
	}
	c.Record(grads...)
	c.Expect(state, 5e-6)
}

func headPointsCase(c *Case) {
	n, vocab, chunk, dual := c.Size("responses"), c.Size("vocab"), c.Size("chunk"), c.Flag("dual")
	points := []kernels.Point{
		{Steer: 1, Temperature: 1}, {Steer: 0, Temperature: 1}, {Steer: .5, Temperature: .8},
		{Steer: 2, Temperature: 1}, {Steer: -1, Temperature: 4},
	}[:c.Size("points")]
	rows := n
	if dual {
		rows = 2 * n
	}
	c.Dyn.Responses, c.Dyn.Rows = uint32(n), uint32(rows)
	logits, ids := make([]float32, rows*vocab), make([]uint32, n)
	for i := range logits {
		logits[i] = float32(c.rng.NormFloat64()) * max(6, c.Param("scale"))
	}
	for i := range ids {
		ids[i] = uint32(c.rng.IntN(vocab))
	}
	targets, spec := c.Words("targets", ids), c.Values("points", kernels.PointWords(points))
	state := c.Garbage("state", n*len(points)*kernels.PointStateWidth)
	HeadPointsRef(dual, vocab, logits, ids, points, state.Host)
	stride := kernels.RowStride(min(chunk, vocab)) + 4 // more than the columns need
	for c0 := 0; c0 < vocab; c0 += chunk {
		cols := min(chunk, vocab-c0)
		part := make([]float32, rows*stride)
		for r := range rows {
			copy(part[r*stride:r*stride+cols], logits[r*vocab+c0:])
		}
		z := c.Values("z", part)
		c.Record(kernels.HeadPoints(dual, len(points), c0, cols, stride, z.GPU, targets, spec.GPU, state.GPU))
	}
	c.Expect(state, 5e-6)
}
