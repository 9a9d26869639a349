package kernels

// RowStride is how many elements apart rows of features values lie: features
// rounded up to a vec4, because every kernel loads four values at once. What
// pads a row is 0, and a kernel whose inputs are padded with 0 writes 0 there.
func RowStride(features int) int { return (features + 3) &^ 3 }

// RandomRows is Random for [rows, features] with padded rows.
func (c *Case) RandomRows(name string, rows, features int) *CaseTensor {
	stride := RowStride(features)
	v := make([]float32, rows*stride)
	for i := range v {
		if i%stride < features {
			v[i] = float32(c.rng.NormFloat64())
		}
	}
	return c.Values(name, v)
}

// GarbageRows is Garbage for [rows, features] with padded rows; the kernel has
// to write the padding too.
func (c *Case) GarbageRows(name string, rows, features int) *CaseTensor {
	return c.Garbage(name, rows*RowStride(features))
}

// flag is a truth value as a Shape word.
func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
