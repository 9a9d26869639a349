package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// AttentionRef is AttentionForward on the CPU, in float64. The number of rows is len(ranges)/4. It
// leaves the second values of stats unchanged.
func AttentionRef(s kernels.AttentionSpec, q, k, v []float32, ranges []uint32, out, stats []float32) {
	d := s.HeadDim
	for i := range len(ranges) / 4 {
		for h := range s.Heads {
			p, keys, lse := probabilities(s, q, k, ranges, i, h)
			sum := make([]float64, d)
			for n, j := range keys {
				for c, x := range keyRow(s, v, j, h) {
					sum[c] += p[n] * float64(x)
				}
			}
			for c, x := range sum {
				out[(i*s.Heads+h)*d+c] = float32(x)
			}
			stats[2*(i*s.Heads+h)] = float32(lse)
		}
	}
}

// AttentionGradRef is the backward pass on the CPU, in float64. It writes dq, dk, dv and the second
// values of stats.
func AttentionGradRef(s kernels.AttentionSpec, q, k, v []float32, ranges []uint32, dout, dq, dk, dv, stats []float32) {
	d := s.HeadDim
	sumK, sumV := make([]float64, len(k)), make([]float64, len(v))
	for i := range len(ranges) / 4 {
		for h := range s.Heads {
			at := (i*s.Heads + h) * d
			do, qi := dout[at:at+d], q[at:at+d]
			p, keys, _ := probabilities(s, q, k, ranges, i, h)
			// dout·(p·v) is Σ p (dout·v).
			g := make([]float64, len(keys))
			var delta float64
			for n, j := range keys {
				g[n] = rowDot(do, keyRow(s, v, j, h))
				delta += p[n] * g[n]
			}
			stats[2*(i*s.Heads+h)+1] = float32(delta)
			sum := make([]float64, d)
			for n, j := range keys {
				ds := p[n] * (g[n] - delta) * s.Scale()
				kv := (j*s.KVHeads + h/s.Group()) * d
				for c := range d {
					sum[c] += ds * float64(k[kv+c])
					sumK[kv+c] += ds * float64(qi[c])
					sumV[kv+c] += p[n] * float64(do[c])
				}
			}
			for c, x := range sum {
				dq[at+c] = float32(x)
			}
		}
	}
	for i := range sumK {
		dk[i], dv[i] = float32(sumK[i]), float32(sumV[i])
	}
}

// probabilities returns the softmax of row i over the keys that it attends to, for head h, and the
// log-sum-exp of its scores.
func probabilities(s kernels.AttentionSpec, q, k []float32, ranges []uint32, i, h int) (p []float64, keys []int,
	lse float64) {
	at := (i*s.Heads + h) * s.HeadDim
	qi := q[at : at+s.HeadDim]
	top := math.Inf(-1)
	for part := range 2 {
		for j := ranges[4*i+2*part]; j < ranges[4*i+2*part+1]; j++ {
			score := rowDot(qi, keyRow(s, k, int(j), h)) * s.Scale()
			top = max(top, score)
			p, keys = append(p, score), append(keys, int(j))
		}
	}
	var sum float64
	for _, score := range p {
		sum += math.Exp(score - top)
	}
	lse = top + math.Log(sum)
	for n, score := range p {
		p[n] = math.Exp(score - lse)
	}
	return p, keys, lse
}

// keyRow is row j of k or v for query head h.
func keyRow(s kernels.AttentionSpec, x []float32, j, h int) []float32 {
	at := (j*s.KVHeads + h/s.Group()) * s.HeadDim
	return x[at : at+s.HeadDim]
}

func rowDot(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
