package kerneltest

import "nextquill/core/kernels"

// withStride fills in the default of OutStride.
func withStride(s kernels.LinearSpec) kernels.LinearSpec {
	if s.OutStride == 0 {
		s.OutStride = s.Out
	}
	return s
}

// LinearForwardRef is LinearForward on the CPU, for n rows.
func LinearForwardRef(s kernels.LinearSpec, n int, x, w, y, u, b []float32) {
	s = withStride(s)
	for r := range n {
		for o := range kernels.RowStride(s.Out) {
			at := r*s.OutStride + s.Offset + o
			if o >= s.Out {
				y[at] = 0
				continue
			}
			sum := dot64(x[r*s.In:], w[o*s.In:], s.In)
			if s.Rank > 0 {
				sum += float64(s.Scale) * dot64(u[r*s.Rank:], b[o*s.Rank:], s.Rank)
			}
			put(y, at, sum, s.Accumulate)
		}
	}
}

// LinearInputGradRef is LinearInputGrad on the CPU, for n rows.
func LinearInputGradRef(s kernels.LinearSpec, n int, dy, w, dx, v, a []float32) {
	s = withStride(s)
	for r := range n {
		for i := range s.In {
			var sum, low float64
			for o := range s.Out {
				sum += float64(dy[r*s.OutStride+s.Offset+o]) * float64(w[o*s.In+i])
			}
			for k := range s.Rank {
				low += float64(v[r*s.Rank+k]) * float64(a[k*s.In+i])
			}
			put(dx, r*s.In+i, sum+float64(s.Scale)*low, s.Accumulate)
		}
	}
}

// LinearWeightGradRef is LinearWeightGrad on the CPU, for n rows.
func LinearWeightGradRef(s kernels.LinearSpec, n int, dy, x, dw []float32) {
	s.Rank = 0
	s = withStride(s)
	for o := range s.Out {
		for i := range s.In {
			var sum float64
			for r := range n {
				sum += float64(dy[r*s.OutStride+o]) * float64(x[r*s.In+i])
			}
			put(dw, o*s.In+i, float64(s.Scale)*sum, s.Accumulate)
		}
	}
}

func dot64(a, b []float32, n int) float64 {
	var sum float64
	for i := range n {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func put(t []float32, at int, v float64, accumulate bool) {
	if accumulate {
		v += float64(t[at])
	}
	t[at] = float32(v)
}
