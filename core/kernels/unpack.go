package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
	"nextquill/shaders"
)

// Unpack records the widening of plain values to f32: raw as a file holds n values of
// dtype "F32", "F16" or "BF16", out [n]. Exact for all values. paired > 0 is the rows
// of a head whose order is put right, see UnpackBlocks; the values then are a matrix
// whose rows have width values, a multiple of 4.
func Unpack(dtype string, n, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	if dtype != "F32" && dtype != "F16" && dtype != "BF16" {
		panic(fmt.Sprintf("kernels: unpack: no dtype %q", dtype))
	}
	vecs := ceilDiv(n, 4)
	return gpu.Dispatch{
		Program: programAfter(shaders.Text("raw"), "unpack", Consts{"F32": dtype == "F32", "BF16": dtype == "BF16"}, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs), uint32(max(1, width/4)), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Dyn) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Dyn) float64 { return float64(n) },
	}
}

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

func init() {
	// A case runs through n of the 65,536 values from a first one, in steps.
	register("unpack", func(c *Case) {
		n, dtype := c.Size("n"), "F16"
		if c.Flag("bf16") {
			dtype = "BF16"
		}
		raw, out := make([]uint32, ceilDiv(n, 2)), c.Garbage("out", n)
		for i := range n {
			half := uint16(c.Size("from") + i)
			if want := UnpackRef(dtype, half); want == want {
				out.Host[i] = want
			} else {
				half, out.Host[i] = 0, 0 // a NaN equals nothing, so it cannot be compared
			}
			raw[i/2] |= uint32(half) << (16 * (i % 2))
		}
		c.Record(Unpack(dtype, n, n, 0, c.Words("raw", raw), out.GPU))
		c.Expect(out, 0)
	})
}
