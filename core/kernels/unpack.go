package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
)

// Unpack records the widening of n packed 16-bit values, two a word, to f32: raw
// [n/2] u32 as a safetensors file holds dtype "F16" or "BF16", out [n]. Exact for
// all values.
func Unpack(dtype string, n int, raw, out *gpu.Tensor) gpu.Dispatch {
	if dtype != "F16" && dtype != "BF16" {
		panic(fmt.Sprintf("kernels: unpack: no dtype %q", dtype))
	}
	vecs := ceilDiv(n, 4)
	return gpu.Dispatch{
		Program: program("unpack", Consts{"BF16": dtype == "BF16"}, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs)},
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
		c.Record(Unpack(dtype, n, c.Words("raw", raw), out.GPU))
		c.Expect(out, 0)
	})
}
