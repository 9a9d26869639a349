package kerneltest

import (
	"math"
	"math/rand/v2"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// Case is one run of one kernel and its CPU reference.
type Case struct {
	Spec CaseSpec
	Dyn  kernels.Dyn
	Info gpu.Info

	ctx    *gpu.Context
	plan   *gpu.Plan
	rng    *rand.Rand
	bufs   []gpu.Buffer
	expect []expectation
}

// CaseTensor is a tensor on the device and its expected or initial values on the host.
type CaseTensor struct {
	Host []float32
	GPU  *gpu.Tensor
}

type expectation struct {
	t         *CaseTensor
	tolerance float64
	bits      bool // compared as words
}

// Size returns a size of the case. It panics if the case has no such size.
func (c *Case) Size(name string) int {
	n, ok := c.Spec.Sizes[name]
	if !ok {
		panic("case " + c.Spec.String() + " lacks size " + name)
	}
	return n
}

// Flag tells whether a size is present and not 0.
func (c *Case) Flag(name string) bool { return c.Spec.Sizes[name] != 0 }

// Param returns a float parameter of the case.
func (c *Case) Param(name string) float32 { return c.Spec.Params[name] }

// Rand is the random generator of the case, seeded with its name.
func (c *Case) Rand() *rand.Rand { return c.rng }

// Random makes a tensor of n normal values.
func (c *Case) Random(name string, n int) *CaseTensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(c.rng.NormFloat64())
	}
	return c.Values(name, v)
}

// Values makes a tensor of given values. Host is a copy of v.
func (c *Case) Values(name string, v []float32) *CaseTensor {
	t := &CaseTensor{Host: append([]float32(nil), v...), GPU: c.upload(name, int64(4*len(v)))}
	b, _ := t.GPU.Handle()
	if len(v) > 0 {
		c.ctx.WriteF32(b, 0, v)
	}
	return t
}

// Words makes a tensor of u32 values.
func (c *Case) Words(name string, v []uint32) *gpu.Tensor {
	t := c.upload(name, int64(4*len(v)))
	b, _ := t.Handle()
	if len(v) > 0 {
		c.ctx.WriteU32(b, 0, v)
	}
	return t
}

// Garbage makes an output tensor of n values that are NaN on the device, so that an element that
// the kernel does not write is detected. Host is zero.
func (c *Case) Garbage(name string, n int) *CaseTensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.NaN())
	}
	t := c.Values(name, v)
	clear(t.Host)
	return t
}

func (c *Case) upload(name string, bytes int64) *gpu.Tensor {
	b := c.ctx.NewBuffer(name, bytes, gpu.Storage)
	c.bufs = append(c.bufs, b)
	return gpu.Persistent(name, b, 0, bytes)
}

// Record adds dispatches to the case's plan.
func (c *Case) Record(ds ...gpu.Dispatch) {
	for _, d := range ds {
		c.plan.Add(d)
	}
}

// Expect compares the content of t on the device with t.Host after the run: every element must be
// within tolerance·(1+|want|).
func (c *Case) Expect(t *CaseTensor, tolerance float64) {
	c.expect = append(c.expect, expectation{t: t, tolerance: tolerance})
}

// ExpectBits is Expect for words that are not numbers.
func (c *Case) ExpectBits(t *CaseTensor) {
	c.expect = append(c.expect, expectation{t: t, bits: true})
}

// RandomRows is Random for [rows, features] with padded rows.
func (c *Case) RandomRows(name string, rows, features int) *CaseTensor {
	stride := kernels.RowStride(features)
	v := make([]float32, rows*stride)
	for i := range v {
		if i%stride < features {
			v[i] = float32(c.rng.NormFloat64())
		}
	}
	return c.Values(name, v)
}

// GarbageRows is Garbage for [rows, features] with padded rows. The kernel has to write the
// padding, too.
func (c *Case) GarbageRows(name string, rows, features int) *CaseTensor {
	return c.Garbage(name, rows*kernels.RowStride(features))
}

// rowForm is the form that a case selects by its size "workgroup".
func (c *Case) rowForm() kernels.RowForm {
	if c.Flag("workgroup") {
		return kernels.WorkgroupPerRow
	}
	return kernels.InvocationPerRow
}
