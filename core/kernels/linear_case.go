package kernels

// linearTolerance covers the rounding of sums of some hundred products of values
// around 1.
const linearTolerance = 5e-5

// linearCase reads the sizes that all three products share. Rows: "rows", counted
// by tokens, or fixed with the flag "fixed". "stride" is OutStride, "offset" Offset,
// "format" the weights' Format; "variant" is an index of linearVariants, without which
// the adapter's default runs. Weights in F16 are read by shader-f16 where it is there.
func linearCase(c *Case) (s LinearSpec, n int, t Tune) {
	n = c.Size("rows")
	s = LinearSpec{
		Rows: PerToken, In: c.Size("in"), Out: c.Size("out"),
		OutStride: c.Spec.Sizes["stride"], Accumulate: c.Flag("accumulate"),
		Rank: c.Spec.Sizes["rank"], Scale: c.Param("scale"), Offset: c.Spec.Sizes["offset"], Format: c.format(),
	}
	if c.Flag("fixed") {
		s.Rows = FixedRows(n)
	} else {
		c.Dyn.Tokens = uint32(n)
	}
	t = DefaultTune(c.Info)
	// An adapter that cannot run a variant runs its default once more.
	if v, ok := c.Spec.Sizes["variant"]; ok && linearVariants[v].on(c.Info) {
		t.Linear = linearVariants[v]
	}
	t.Half = c.Info.ShaderF16
	return s.checked(s.Rank > 0), n, t
}

// output makes what a product writes: values to add to, or garbage to replace.
func (s LinearSpec) output(c *Case, name string, n int) *CaseTensor {
	if s.Accumulate {
		return c.Random(name, n)
	}
	return c.Garbage(name, n)
}

// padded makes [n, OutStride] values with zeros from Out up to the next multiple of 4.
func (s LinearSpec) padded(c *Case, name string, n int) *CaseTensor {
	t := c.Random(name, n*s.OutStride)
	v := append([]float32(nil), t.Host...)
	for r := range n {
		row := v[r*s.OutStride+s.Offset : (r+1)*s.OutStride]
		clear(row[s.Out:min(len(row), RowStride(s.Out))])
	}
	return c.Values(name, v)
}

func init() {
	register("linear_forward", func(c *Case) {
		s, n, t := linearCase(c)
		x := c.Random("x", n*s.In)
		w, values := c.matrix("w", s.Format, s.Out, s.In)
		// Random, not garbage: columns past the next multiple of 4 stay.
		y := c.Random("y", n*s.OutStride)
		u, b := &CaseTensor{}, &CaseTensor{}
		if s.Rank > 0 {
			u, b = c.Random("u", n*s.Rank), c.Random("b", s.Out*s.Rank)
		}
		c.Record(LinearForward(&t, s, x.GPU, w, y.GPU, u.GPU, b.GPU))
		LinearForwardRef(s, n, x.Host, values, y.Host, u.Host, b.Host)
		c.Expect(y, linearTolerance)
	})
	register("linear_input", func(c *Case) {
		s, n, t := linearCase(c)
		dy := s.padded(c, "dy", n)
		w, values := c.matrix("w", s.Format, s.Out, s.In)
		dx := s.output(c, "dx", n*s.In)
		v, a := &CaseTensor{}, &CaseTensor{}
		if s.Rank > 0 {
			v, a = c.Random("v", n*s.Rank), c.Random("a", s.Rank*s.In)
		}
		c.Record(LinearInputGrad(&t, s, dy.GPU, w, dx.GPU, v.GPU, a.GPU))
		LinearInputGradRef(s, n, dy.Host, values, dx.Host, v.Host, a.Host)
		c.Expect(dx, linearTolerance)
	})
	register("linear_weight", func(c *Case) {
		s, n, t := linearCase(c)
		dy, x := s.padded(c, "dy", n), c.Random("x", n*s.In)
		dw := s.output(c, "dw", s.Out*s.In)
		c.Record(LinearWeightGrad(&t, s, dy.GPU, x.GPU, dw.GPU))
		LinearWeightGradRef(s, n, dy.Host, x.Host, dw.Host)
		c.Expect(dw, linearTolerance)
	})
}
