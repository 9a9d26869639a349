package kerneltest

import (
	"math"
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

const (
	// blockValues is the number of values in a block of Q8 and Q4.
	blockValues = 32
	// groupBlocks is the number of blocks whose scales are stored together.
	groupBlocks = 4
)

// QuantiseRef is Quantise on the CPU.
func QuantiseRef(f kernels.Format, rows, columns int, values []float32) []uint32 {
	var out []uint32
	for row := range rows {
		row := values[row*columns:][:columns]
		switch f {
		case kernels.F32:
			for _, v := range row {
				out = append(out, math.Float32bits(v))
			}
		case kernels.F16:
			for i := 0; i < columns; i += 2 {
				out = append(out, nearestHalf(row[i])|nearestHalf(row[i+1])<<16)
			}
		default:
			for values := range slices.Chunk(row, groupBlocks*blockValues) {
				out = append(out, quantiseGroup(f, values)...)
			}
		}
	}
	return out
}

// Bit patterns and limits of the formats.
const (
	infinite   = 0x7f800000
	leastHalf  = 0x38800000 // 2⁻¹⁴, the smallest normal binary16, as an f32
	pastHalf   = 0x47800000 // 2¹⁶, which exceeds binary16, as an f32
	halfBias   = 0x38000000 // difference of the exponent biases
	halfSteps  = 1 << 24    // a subnormal binary16 is a multiple of 1/halfSteps
	tooSmall   = 0x1p-96
	infinities = 0x7c007c00 // two binary16 infinities
)

func broken(values []float32) bool {
	for _, v := range values {
		if math.Float32bits(v)&infinite == infinite {
			return true
		}
	}
	return false
}

// nearestHalf is the binary16 nearest to v, rounding ties to even.
func nearestHalf(v float32) uint32 {
	bits, sign := math.Float32bits(v)&0x7fffffff, math.Float32bits(v)>>16&0x8000
	if bits >= leastHalf {
		return sign | (min(bits+0xfff+bits>>13&1, pastHalf)-halfBias)>>13
	}
	return sign | uint32(math.RoundToEven(float64(math.Float32frombits(bits))*halfSteps))
}

// truncatedHalf is |v| rounded down to binary16; less is 1 if that changed the value.
func truncatedHalf(v float32) (half, less uint32) {
	bits := math.Float32bits(v) & 0x7fffffff
	if bits >= leastHalf {
		if bits&0x1fff != 0 {
			less = 1
		}
		return (min(bits, pastHalf) - halfBias) >> 13, less
	}
	steps := math.Float32frombits(bits) * halfSteps
	if floor := float32(math.Floor(float64(steps))); floor != steps {
		less = 1
	}
	return uint32(steps), less
}

// nearestStep is the q from 0 to last with q·d nearest to v ≥ 0.
func nearestStep(v, d, last float32) uint32 {
	if d == 0 {
		return 0
	}
	// In float64 the quotient is exact enough, and the boundaries between steps are exact.
	q := math.Floor(min(float64(v)/float64(d)+.5, float64(last)))
	if float64(v) < float64(d)*(q-.5) && q > 0 {
		q--
	}
	if float64(v) >= float64(d)*(q+.5) {
		q++
	}
	return uint32(min(q, float64(last)))
}

// quantiseGroup packs up to four blocks: the scales of each, and then their values.
func quantiseGroup(f kernels.Format, values []float32) []uint32 {
	pack := quantiseQ4
	if f == kernels.Q8 {
		pack = quantiseQ8
	}
	out, i := make([]uint32, groupBlocks), 0
	for block := range slices.Chunk(values, blockValues) {
		words := pack(block)
		out[i] = words[0]
		out, i = append(out, words[1:]...), i+1
	}
	return out
}

// quantiseQ8 packs a block: d, then bytes.
func quantiseQ8(values []float32) []uint32 {
	out := make([]uint32, 9)
	if broken(values) {
		out[0] = infinite
		return out
	}
	var most float32
	for _, v := range values {
		most = max(most, v, -v)
	}
	d := most * float32(1./127)
	if d > tooSmall {
		d = math.Float32frombits((math.Float32bits(d) + 0x1fff) &^ 0x1fff)
	} else {
		d = 0
	}
	out[0] = math.Float32bits(d)
	for i, v := range values {
		q := nearestStep(max(v, -v), d, 127)
		if v < 0 {
			q = -q & 255
		}
		out[1+i/4] |= q << (8 * (i % 4))
	}
	return out
}

// quantiseQ4 packs a block: d, m, then half bytes.
func quantiseQ4(values []float32) []uint32 {
	out := make([]uint32, 5)
	if broken(values) {
		out[0] = infinities
		return out
	}
	least, most := values[0], values[0]
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	minimum, less := truncatedHalf(least)
	m := UnpackRef("F16", uint16(minimum))
	if least < 0 {
		m = -UnpackRef("F16", uint16(minimum+less))
		minimum = minimum + less | 0x8000
	}
	half, less := truncatedHalf((most - m) * float32(1./15))
	half += less
	d := UnpackRef("F16", uint16(half))
	out[0] = half | minimum<<16
	for i, v := range values {
		out[1+i%16/4] |= nearestStep(v-m, d, 15) << (8*(i%4) + i/16*4)
	}
	return out
}

// DequantiseRef is Dequantise on the CPU.
func DequantiseRef(f kernels.Format, rows, columns int, packed []uint32) []float32 {
	out := make([]float32, rows*columns)
	perRow := f.RowBytes(columns) / 4
	for at := range out {
		row, i := packed[at/columns*perRow:][:perRow], at%columns
		block, j := i/blockValues, i%blockValues
		// group returns the group of the block, and the block's values of so many words.
		group := func(words int) (scales, values []uint32) {
			g := row[block/groupBlocks*groupBlocks*(words+1):]
			return g, g[groupBlocks+block%groupBlocks*words:]
		}
		switch f {
		case kernels.F32:
			out[at] = math.Float32frombits(row[i])
		case kernels.F16:
			out[at] = UnpackRef("F16", uint16(row[i/2]>>(16*(i%2))))
		case kernels.Q8:
			scales, q := group(8)
			d := math.Float32frombits(scales[block%groupBlocks])
			out[at] = d * float32(int8(q[j/4]>>(8*(j%4))))
		case kernels.Q4:
			scales, values := group(4)
			s, q := scales[block%groupBlocks], values[j%16/4]>>(8*(j%4)+j/16*4)&15
			d, m := UnpackRef("F16", uint16(s)), UnpackRef("F16", uint16(s>>16))
			out[at] = float32(d*float32(q)) + m
		}
	}
	return out
}

// format is the Format that a case selects by its size "format"; F32 without it.
func (c *Case) format() kernels.Format { return kernels.Format(c.Spec.Sizes["format"]) }

// matrix makes a random matrix in a format, and returns the values that it then holds.
func (c *Case) matrix(name string, f kernels.Format, rows, columns int) (*gpu.Tensor, []float32) {
	values := make([]float32, rows*columns)
	for i := range values {
		values[i] = float32(c.rng.NormFloat64())
	}
	words := QuantiseRef(f, rows, columns, values)
	return c.Words(name, words), DequantiseRef(f, rows, columns, words)
}

// weightsOfAllKinds makes blocks that are hard to quantise: wide and narrow ranges, values of one
// sign, constants, zeros, subnormals of binary16, and values at the boundaries of steps.
func (c *Case) weightsOfAllKinds(rows, columns int) []float32 {
	values := make([]float32, rows*columns)
	scale, shift, grid := 1., 0., 0.
	for i := range values {
		if i%columns%blockValues == 0 {
			scale, shift, grid = math.Ldexp(1, c.rng.IntN(30)-20), float64(c.rng.IntN(5)-2), 0
			if c.rng.IntN(3) == 0 {
				grid = scale / float64(1+c.rng.IntN(64))
			}
			if c.rng.IntN(6) == 0 {
				scale = 0
			}
		}
		v := c.rng.NormFloat64()*scale + shift*scale
		if grid > 0 {
			v = math.Round(v/grid) * grid
		}
		values[i] = float32(v)
	}
	return values
}

// quantiseCase converts in both directions. "broken" puts an infinity and a NaN into the first
// block.
func quantiseCase(c *Case) {
	f, rows, columns := c.format(), c.Size("rows"), c.Size("columns")
	values := c.weightsOfAllKinds(rows, columns)
	if c.Flag("broken") {
		values[1], values[2] = float32(math.Inf(-1)), float32(math.NaN())
	}
	words := QuantiseRef(f, rows, columns, values)
	packed := c.Garbage("packed", len(words))
	for i, w := range words {
		packed.Host[i] = math.Float32frombits(w)
	}
	c.Record(kernels.Quantise(f, rows, columns, c.Values("values", values).GPU, packed.GPU))
	c.ExpectBits(packed)
	if !c.Flag("broken") {
		out := c.Garbage("out", rows*columns)
		copy(out.Host, DequantiseRef(f, rows, columns, words))
		c.Record(kernels.Dequantise(f, rows, columns, packed.GPU, out.GPU))
		c.Expect(out, 0)
	}
}
