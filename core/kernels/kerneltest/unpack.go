package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// UnpackRef is Unpack of one value on the CPU.
func UnpackRef(dtype string, half uint16) float32 {
	if dtype == "BF16" {
		return math.Float32frombits(uint32(half) << 16)
	}
	sign, exponent, mantissa := 1-2*float64(half>>15), int(half>>10&31), float64(half&1023)
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(mantissa, -24), sign))
	case 31:
		if mantissa != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+mantissa, exponent-25))
}

// unpackCase converts n of the 65,536 values of 16 bits, from a first one on.
func unpackCase(c *Case) {
	n, dtype := c.Size("n"), "F16"
	if c.Flag("bf16") {
		dtype = "BF16"
	}
	raw, out := make([]uint32, (n+1)/2), c.Garbage("out", n)
	for i := range n {
		half := uint16(c.Size("from") + i)
		if want := UnpackRef(dtype, half); want == want {
			out.Host[i] = want
		} else {
			half, out.Host[i] = 0, 0 // NaNs cannot be compared
		}
		raw[i/2] |= uint32(half) << (16 * (i % 2))
	}
	c.Record(kernels.Unpack(dtype, n, n, 0, c.Words("raw", raw), out.GPU))
	c.Expect(out, 0)
}
