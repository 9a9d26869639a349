package kerneltest

import (
	"slices"

	"nextquill/core/kernels"
)

// linearTolerance covers the rounding of sums of several hundred products of values around 1.
const linearTolerance = 5e-5

// linearCase reads the sizes that all three products share. "rows" is the number of tokens, or
// fixed with the flag "fixed"; "stride" is OutStride, "offset" Offset, "format" the Format of the
// weights. "variant" is an index of AllLinearVariants; without it, the default of the device runs.
// Weights in F16 are read by shader-f16 if the device has it.
func linearCase(c *Case) (s kernels.LinearSpec, n int, t kernels.Tune) {
	n = c.Size("rows")
	s = kernels.LinearSpec{
		Rows: kernels.PerToken, In: c.Size("in"), Out: c.Size("out"),
		OutStride: c.Spec.Sizes["stride"], Accumulate: c.Flag("accumulate"),
		Rank: c.Spec.Sizes["rank"], Scale: c.Param("scale"), Offset: c.Spec.Sizes["offset"], Format: c.format(),
	}
	if c.Flag("fixed") {
		s.Rows = kernels.FixedRows(n)
	} else {
		c.Dyn.Tokens = uint32(n)
	}
	t = kernels.DefaultTune(c.Info)
	// A device that cannot run a variant runs its default again.
	if v, ok := c.Spec.Sizes["variant"]; ok {
		if variant := kernels.AllLinearVariants()[v]; slices.Contains(kernels.LinearVariants(c.Info), variant) {
			t.Linear = variant
		}
	}
	t.Half = c.Info.ShaderF16
	return withStride(s), n, t
}

// output makes the output tensor of a product: values to add to, or garbage to replace.
func output(s kernels.LinearSpec, c *Case, name string, n int) *CaseTensor {
	if s.Accumulate {
		return c.Random(name, n)
	}
	return c.Garbage(name, n)
}

// padded makes [n, OutStride] values with zeros from Out up to the next multiple of 4.
func padded(s kernels.LinearSpec, c *Case, name string, n int) *CaseTensor {
	t := c.Random(name, n*s.OutStride)
	v := append([]float32(nil), t.Host...)
	for r := range n {
		row := v[r*s.OutStride+s.Offset : (r+1)*s.OutStride]
		clear(row[s.Out:min(len(row), kernels.RowStride(s.Out))])
	}
	return c.Values(name, v)
}

func linearForwardCase(c *Case) {
	s, n, t := linearCase(c)
	x := c.Random("x", n*s.In)
	w, values := c.matrix("w", s.Format, s.Out, s.In)
	// Random and not garbage, because columns beyond the next multiple of 4 must not change.
	y := c.Random("y", n*s.OutStride)
	u, b := &CaseTensor{}, &CaseTensor{}
	if s.Rank > 0 {
		u, b = c.Random("u", n*s.Rank), c.Random("b", s.Out*s.Rank)
	}
	c.Record(kernels.LinearForward(&t, s, x.GPU, w, y.GPU, u.GPU, b.GPU))
	LinearForwardRef(s, n, x.Host, values, y.Host, u.Host, b.Host)
	c.Expect(y, linearTolerance)
}

func linearInputCase(c *Case) {
	s, n, t := linearCase(c)
	dy := padded(s, c, "dy", n)
	w, values := c.matrix("w", s.Format, s.Out, s.In)
	dx := output(s, c, "dx", n*s.In)
	v, a := &CaseTensor{}, &CaseTensor{}
	if s.Rank > 0 {
		v, a = c.Random("v", n*s.Rank), c.Random("a", s.Rank*s.In)
	}
	c.Record(kernels.LinearInputGrad(&t, s, dy.GPU, w, dx.GPU, v.GPU, a.GPU))
	LinearInputGradRef(s, n, dy.Host, values, dx.Host, v.Host, a.Host)
	c.Expect(dx, linearTolerance)
}

func linearWeightCase(c *Case) {
	s, n, t := linearCase(c)
	dy, x := padded(s, c, "dy", n), c.Random("x", n*s.In)
	dw := output(s, c, "dw", s.Out*s.In)
	c.Record(kernels.LinearWeightGrad(&t, s, dy.GPU, x.GPU, dw.GPU))
	LinearWeightGradRef(s, n, dy.Host, x.Host, dw.Host)
	c.Expect(dw, linearTolerance)
}
