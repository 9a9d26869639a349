package kerneltest_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
)

// An oracleTensor is a tensor of testdata/oracle/kernels.json, which PyTorch computed in float64.
type oracleTensor struct {
	Shape []int     `json:"shape"`
	Data  []float32 `json:"data"`
}

// rows returns the tensor with the row padding that kernels require.
func (t oracleTensor) rows() []float32 {
	features := t.Shape[len(t.Shape)-1]
	stride := kernels.RowStride(features)
	out := make([]float32, len(t.Data)/features*stride)
	for i, v := range t.Data {
		out[i/features*stride+i%features] = v
	}
	return out
}

type oracleCase struct {
	Op     string                     `json:"op"`
	Params map[string]json.RawMessage `json:"params"`
	Inputs map[string]oracleTensor    `json:"inputs"`
	Out    oracleTensor               `json:"out"`
	DOut   oracleTensor               `json:"dout"`
	Grads  map[string]oracleTensor    `json:"grads"`
}

func (c oracleCase) param(t *testing.T, name string, into any) {
	require.NoError(t, json.Unmarshal(c.Params[name], into))
}

func oracleCases(t *testing.T, op string) []oracleCase {
	raw, err := os.ReadFile("../../../testdata/oracle/kernels.json")
	require.NoError(t, err)
	var file struct{ Cases []oracleCase }
	require.NoError(t, json.Unmarshal(raw, &file))
	var found []oracleCase
	for _, c := range file.Cases {
		if c.Op == op {
			found = append(found, c)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// The CPU references agree with PyTorch.
func TestReferencesAgreeWithPyTorch(t *testing.T) {
	for _, c := range oracleCases(t, "rms_norm") {
		var eps float32
		c.param(t, "eps", &eps)
		x, gain, dy := c.Inputs["x"].rows(), c.Inputs["weight"].rows(), c.DOut.rows()
		n, f := c.Inputs["x"].Shape[0], c.Inputs["x"].Shape[1]
		y, rstd := make([]float32, len(x)), make([]float32, n)
		kerneltest.RMSNormRef(f, eps, x, gain, y, rstd)
		require.InDeltaSlice(t, c.Out.rows(), y, 1e-6)
		dx, dgain := make([]float32, len(x)), make([]float32, len(gain))
		kerneltest.RMSNormGradRef(f, x, gain, rstd, dy, dx, dgain)
		require.InDeltaSlice(t, c.Grads["x"].rows(), dx, 2e-6)
		require.InDeltaSlice(t, c.Grads["weight"].rows(), dgain, 2e-6)
	}
	for _, c := range oracleCases(t, "swiglu") {
		gate, up, dy := c.Inputs["gate"].rows(), c.Inputs["up"].rows(), c.DOut.rows()
		y, dgate, dup := make([]float32, len(gate)), make([]float32, len(gate)), make([]float32, len(gate))
		kerneltest.SwiGLURef(gate, up, y)
		require.InDeltaSlice(t, c.Out.rows(), y, 1e-6)
		kerneltest.SwiGLUGradRef(gate, up, dy, dgate, dup)
		require.InDeltaSlice(t, c.Grads["gate"].rows(), dgate, 1e-6)
		require.InDeltaSlice(t, c.Grads["up"].rows(), dup, 1e-6)
	}
	for _, c := range oracleCases(t, "adamw") {
		var lr float32
		var eps, decay float64
		var betas [2]float64
		c.param(t, "lr", &lr)
		c.param(t, "eps", &eps)
		c.param(t, "weight_decay", &decay)
		c.param(t, "betas", &betas)
		param := c.Inputs["param"].Data
		n := len(param)
		m, v := make([]float32, n), make([]float32, n)
		for s := range c.Inputs["grads"].Shape[0] {
			d := kernels.Dyn{LR: lr}
			d.Bias1 = float32(1 - math.Pow(betas[0], float64(s+1)))
			d.Bias2 = float32(1 - math.Pow(betas[1], float64(s+1)))
			grad := c.Inputs["grads"].Data[s*n : (s+1)*n]
			kerneltest.AdamWRef(&d, betas[0], betas[1], eps, decay, grad, []float32{1, 1, 0, 0}, m, v, param)
			require.InDeltaSlice(t, c.Out.Data[s*n:(s+1)*n], param, 2e-6)
		}
	}
}
