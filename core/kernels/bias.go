package kernels

import "nextquill/core/gpu"

// AddBias records y += bias in every row: y [rows, features], bias [features];
// features is a multiple of 4.
func AddBias(rows Rows, features int, bias, y *gpu.Tensor) gpu.Dispatch {
	return elementwise("add_bias", rows, features, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}, bias, y)
}

// AddBiasRef is AddBias on the CPU.
func AddBiasRef(bias, y []float32) {
	for i := range y {
		y[i] += bias[i%len(bias)]
	}
}

// ColumnSums records sums += Σ_rows x, added in the order of the rows: x [rows,
// features], sums [features]; features is a multiple of 4. It is the gradient of
// a bias.
func ColumnSums(rows Rows, features int, x, sums *gpu.Tensor) gpu.Dispatch {
	d := elementwise("column_sums", rows, features, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}, x, sums)
	d.Groups = func(dyn *gpu.Dyn) [3]uint32 {
		if rows.Count(dyn) == 0 {
			return [3]uint32{}
		}
		return linearGroups(features/4, 16)
	}
	return d
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

func init() {
	register("bias", func(c *Case) {
		n, f := c.Size("rows"), c.Size("features")
		bias, y, sums := c.Random("bias", f), c.Random("y", n*f), c.Random("sums", f)
		c.Dyn.Tokens = uint32(n)
		c.Record(AddBias(PerToken, f, bias.GPU, y.GPU), ColumnSums(PerToken, f, y.GPU, sums.GPU))
		AddBiasRef(bias.Host, y.Host)
		ColumnSumsRef(y.Host, sums.Host)
		c.Expect(y, 0)
		c.Expect(sums, 1e-5)
	})
}
