package kerneltest

import (
	"nextquill/core/kernels"
)

// AddRef is Add on the CPU.
func AddRef(x, y, z []float32) {
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// AddRowsRef is AddRows on the CPU.
func AddRowsRef(features int, index []uint32, x, y []float32) {
	for r, to := range index {
		for c := range features {
			y[int(to)*features+c] += x[r*features+c]
		}
	}
}

func addCase(c *Case) {
	n, f := c.Size("rows"), c.Size("features")
	x, y, z := c.Random("x", n*f), c.Random("y", n*f), c.Garbage("z", n*f)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.Add(kernels.PerToken, f, x.GPU, y.GPU, z.GPU))
	AddRef(x.Host, y.Host, z.Host)
	c.Expect(z, 0)
}

func addRowsCase(c *Case) {
	n, into, f := c.Size("rows"), c.Size("into"), c.Size("features")
	x, y := c.Random("x", n*f), c.Random("y", into*f)
	index := make([]uint32, n)
	for i, j := range c.Rand().Perm(into)[:n] {
		index[i] = uint32(j)
	}
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.AddRows(kernels.PerToken, f, c.Words("index", index), x.GPU, y.GPU))
	AddRowsRef(f, index, x.Host, y.Host)
	c.Expect(y, 0)
}

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
