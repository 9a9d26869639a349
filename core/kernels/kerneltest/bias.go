package kerneltest

import "nextquill/core/kernels"

// AddBiasRef is AddBias on the CPU.
func AddBiasRef(bias, y []float32) {
	for i := range y {
		y[i] += bias[i%len(bias)]
	}
}

// ColumnSumsRef is ColumnSums on the CPU.
func ColumnSumsRef(x, sums []float32) {
	for f := range sums {
		total := float64(0)
		for at := f; at < len(x); at += len(sums) {
			total += float64(x[at])
		}
		sums[f] += float32(total)
	}
}

func biasCase(c *Case) {
	n, f := c.Size("rows"), c.Size("features")
	bias, y, sums := c.Random("bias", f), c.Random("y", n*f), c.Random("sums", f)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.AddBias(kernels.PerToken, f, bias.GPU, y.GPU),
		kernels.ColumnSums(kernels.PerToken, f, y.GPU, sums.GPU))
	AddBiasRef(bias.Host, y.Host)
	ColumnSumsRef(y.Host, sums.Host)
	c.Expect(y, 0)
	c.Expect(sums, 1e-5)
}
