package reference

import "math"

// PEFT names a linear layer's adapter base_model.model.<path>.lora_A.weight and …lora_B.weight.
const (
	peftPrefix = "base_model.model."
	loraA      = ".lora_A.weight"
	loraB      = ".lora_B.weight"
)

// linear computes y = W·x, plus b when there is a bias, plus s·B·(A·x) when the adapter has this
// layer.
func (m *Model) linear(path string, x [][]float64) [][]float64 {
	w := m.Weights[path+".weight"]
	out := len(w) / len(x[0])
	y := matmul(x, w, out)
	if bias := m.Weights[path+".bias"]; bias != nil {
		for t := range y {
			accumulate(y[t], 1, bias)
		}
	}
	if a, b, rank := m.lora(path, len(x[0])); rank > 0 {
		for t, d := range matmul(matmul(x, a, rank), b, out) {
			accumulate(y[t], m.Adapter.Scale, d)
		}
	}
	return y
}

// linearBackward returns dx and adds to the gradients of W and b, or of A and B. With u = A·x:
//
//	db += dy    dB += s·dy·uᵀ    du = s·Bᵀ·dy    dA += du·xᵀ    dx = Wᵀ·dy + Aᵀ·du
func (m *Model) linearBackward(path string, x, dy [][]float64, g gradients) (dx [][]float64) {
	w := path + ".weight"
	dx = matmulBackward(x, m.Weights[w], dy, g[w])
	if db := g[path+".bias"]; db != nil {
		for t := range dy {
			accumulate(db, 1, dy[t])
		}
	}
	if a, b, rank := m.lora(path, len(x[0])); rank > 0 {
		sdy := make([][]float64, len(dy))
		for t := range dy {
			sdy[t] = scaled(m.Adapter.Scale, dy[t])
		}
		du := matmulBackward(matmul(x, a, rank), b, sdy, g[peftPrefix+path+loraB])
		dx = add(dx, matmulBackward(x, a, du, g[peftPrefix+path+loraA]))
	}
	return dx
}

// lora returns the adapter's tensors for a layer; rank is 0 when it has none.
func (m *Model) lora(path string, in int) (a, b []float64, rank int) {
	if m.Adapter == nil {
		return nil, nil, 0
	}
	a, b = m.Adapter.Weights[peftPrefix+path+loraA], m.Adapter.Weights[peftPrefix+path+loraB]
	return a, b, len(a) / in
}

// matmul computes y[t] = W·x[t] for W [out, in].
func matmul(x [][]float64, w []float64, out int) [][]float64 {
	y := zeros(len(x), out)
	for t, xt := range x {
		for o := range out {
			y[t][o] = dot(w[o*len(xt):][:len(xt)], xt)
		}
	}
	return y
}

// matmulBackward returns dx = Wᵀ·dy, and adds dy·xᵀ to dw. dw is nil when W is frozen.
func matmulBackward(x [][]float64, w []float64, dy [][]float64, dw []float64) (dx [][]float64) {
	in := len(x[0])
	dx = zeros(len(x), in)
	for t := range x {
		for o, d := range dy[t] {
			accumulate(dx[t], d, w[o*in:][:in])
			if dw != nil {
				accumulate(dw[o*in:][:in], d, x[t])
			}
		}
	}
	return dx
}

// rmsNorm computes y = w·x·r with r = 1/√(mean(x²) + ε), for each token.
func rmsNorm(x [][]float64, w []float64, eps float64) [][]float64 {
	y := zeros(len(x), len(w))
	for t, xt := range x {
		r := inverseRMS(xt, eps)
		for i, v := range xt {
			y[t][i] = w[i] * v * r
		}
	}
	return y
}

// rmsNormBackward returns dx = r·(w·dy) − x·r³·mean(x·w·dy), and adds dy·x·r to dw unless it is
// nil.
func rmsNormBackward(x [][]float64, w []float64, eps float64, dy [][]float64, dw []float64) (dx [][]float64) {
	dx = zeros(len(x), len(w))
	for t, xt := range x {
		r := inverseRMS(xt, eps)
		mean := 0.0
		for i, v := range xt {
			mean += v * w[i] * dy[t][i] / float64(len(xt))
		}
		for i, v := range xt {
			dx[t][i] = r*w[i]*dy[t][i] - v*r*r*r*mean
			if dw != nil {
				dw[i] += dy[t][i] * v * r
			}
		}
	}
	return dx
}

// headNorm is rmsNorm on each head of each token. All heads share the weights called name.
func (m *Model) headNorm(name string, x [][]float64) [][]float64 {
	w := m.Weights[name]
	return joined(rmsNorm(split(x, len(w)), w, m.Config.NormEps), len(x))
}

func (m *Model) headNormBackward(name string, x, dy [][]float64, g gradients) (dx [][]float64) {
	w := m.Weights[name]
	return joined(rmsNormBackward(split(x, len(w)), w, m.Config.NormEps, split(dy, len(w)), g[name]), len(x))
}

// split splits every row into rows of n elements; joined joins them into the given number of rows
// again.
func split(x [][]float64, n int) (parts [][]float64) {
	for _, row := range x {
		for ; len(row) > 0; row = row[n:] {
			parts = append(parts, row[:n])
		}
	}
	return parts
}

func joined(parts [][]float64, rows int) [][]float64 {
	x := make([][]float64, rows)
	for i, part := range parts {
		t := i / (len(parts) / rows)
		x[t] = append(x[t], part...)
	}
	return x
}

func inverseRMS(x []float64, eps float64) float64 {
	return 1 / math.Sqrt(dot(x, x)/float64(len(x))+eps)
}

// rotate rotates each head of row t by the angles of position t, in place: the pair (i, i + d/2) by
// direction·t·frequency(i). As in HF, a pair is an element of each half of a head, not two
// neighbors.
func rotate(x [][]float64, c Config, direction float64) {
	d := c.headDim()
	for t, row := range x {
		for head := 0; head < len(row); head += d {
			for i := range d / 2 {
				sin, cos := math.Sincos(direction * float64(t) * c.frequency(i))
				a, b := row[head+i], row[head+i+d/2]
				row[head+i], row[head+i+d/2] = a*cos-b*sin, b*cos+a*sin
			}
		}
	}
}

// attention computes, for each head, o_t = Σ_j p_tj·v_j over j ≤ t. Heads/KVHeads query heads share
// a KV head.
func attention(c Config, q, k, v [][]float64) [][]float64 {
	d := c.headDim()
	o := zeros(len(q), c.Heads*d)
	for h := range c.Heads {
		kv := h / (c.Heads / c.KVHeads)
		for t := range q {
			for j, p := range attentionRow(c, q, k, t, h) {
				accumulate(o[t][h*d:][:d], p, v[j][kv*d:][:d])
			}
		}
	}
	return o
}

// attentionRow returns p_t0..p_tt of one head: the softmax of q_t·k_j/√d over the keys up to t.
func attentionRow(c Config, q, k [][]float64, t, h int) []float64 {
	d := c.headDim()
	kv := h / (c.Heads / c.KVHeads)
	scores := make([]float64, t+1)
	for j := range scores {
		scores[j] = dot(q[t][h*d:][:d], k[j][kv*d:][:d]) / math.Sqrt(float64(d))
	}
	return softmax(scores)
}

// attentionBackward propagates through the softmax, row by row. With dp_tj = do_t·v_j and the
// gradient of the score ds_tj = p_tj·(dp_tj − Σ_i p_ti·dp_ti):
//
//	dv_j += p_tj·do_t    dq_t += ds_tj·k_j/√d    dk_j += ds_tj·q_t/√d
func attentionBackward(c Config, q, k, v, do [][]float64) (dq, dk, dv [][]float64) {
	d := c.headDim()
	dq, dk, dv = zeros(len(q), len(q[0])), zeros(len(k), len(k[0])), zeros(len(v), len(v[0]))
	for h := range c.Heads {
		head := func(x []float64) []float64 { return x[h*d:][:d] }
		shared := func(x []float64) []float64 { return x[h/(c.Heads/c.KVHeads)*d:][:d] }
		for t := range q {
			p := attentionRow(c, q, k, t, h)
			dp := make([]float64, len(p))
			for j := range p {
				dp[j] = dot(head(do[t]), shared(v[j]))
			}
			mean := dot(p, dp)
			for j := range p {
				ds := p[j] * (dp[j] - mean) / math.Sqrt(float64(d))
				accumulate(shared(dv[j]), p[j], head(do[t]))
				accumulate(head(dq[t]), ds, shared(k[j]))
				accumulate(shared(dk[j]), ds, head(q[t]))
			}
		}
	}
	return dq, dk, dv
}

// swiGLU computes silu(gate)·up with silu(g) = g·σ(g).
func swiGLU(gate, up [][]float64) [][]float64 {
	y := zeros(len(gate), len(gate[0]))
	for t := range gate {
		for i, g := range gate[t] {
			y[t][i] = g * sigmoid(g) * up[t][i]
		}
	}
	return y
}

// swiGLUBackward uses silu'(g) = σ(g)·(1 + g·(1 − σ(g))).
func swiGLUBackward(gate, up, dy [][]float64) (dgate, dup [][]float64) {
	dgate, dup = zeros(len(gate), len(gate[0])), zeros(len(gate), len(gate[0]))
	for t := range gate {
		for i, g := range gate[t] {
			s := sigmoid(g)
			dgate[t][i] = dy[t][i] * up[t][i] * s * (1 + g*(1-s))
			dup[t][i] = dy[t][i] * g * s
		}
	}
	return dgate, dup
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// accumulate adds s·x to y.
func accumulate(y []float64, s float64, x []float64) {
	for i := range x {
		y[i] += s * x[i]
	}
}

// add sums matrices of one shape into a new one.
func add(first [][]float64, more ...[][]float64) [][]float64 {
	y := zeros(len(first), len(first[0]))
	for t := range y {
		copy(y[t], first[t])
		for _, x := range more {
			accumulate(y[t], 1, x[t])
		}
	}
	return y
}

func zeros(rows, cols int) [][]float64 {
	y := make([][]float64, rows)
	for t := range y {
		y[t] = make([]float64, cols)
	}
	return y
}
