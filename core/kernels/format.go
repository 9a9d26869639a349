package kernels

import (
	"maps"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// Format is how a matrix of frozen weights is stored on the device. Kernels convert it to f32 as
// they load it; shaders/weights_*.wgsl describe the layouts. Results equal those of the same values
// in f32; on CPU devices they are equal to the bit.
type Format uint8

const (
	// F32 is 4 bytes per weight. All weights that are trained have this format.
	F32 Format = iota
	// F16 is 2 bytes per weight.
	F16
	// Q8 is 9/8 bytes per weight: blocks of 32 signed bytes with an f32 scale each.
	Q8
	// Q4 is 5/8 bytes per weight: blocks of 32 half bytes with a binary16 scale and minimum each,
	// like GGUF's Q4_1.
	Q4
)

// formatNames are the names of the formats in options and files.
var formatNames = [...]string{F32: "f32", F16: "f16", Q8: "q8", Q4: "q4"}

// Formats lists all formats.
var Formats = []Format{F32, F16, Q8, Q4}

func (f Format) String() string { return formatNames[f] }

// ParseFormat returns the format of a name. An unknown name is a fault.OutOfRange that lists the
// formats.
func ParseFormat(name string) (Format, error) {
	for i, n := range formatNames {
		if n == name {
			return Format(i), nil
		}
	}
	return 0, fault.New(fault.OutOfRange, "base", "format", "%q", name).WithLimit("%s",
		strings.Join(formatNames[:], ", "))
}

// blockValues is the number of values in a block of Q8 and Q4.
const blockValues = 32

// groupBlocks is the number of blocks whose scales share a vec4.
const groupBlocks = 4

// RowBytes is the size of a row of columns values; columns is a multiple of 4. The last block of a
// row may be partly empty, and so may be the scales of its last group of blocks.
func (f Format) RowBytes(columns int) int {
	switch f {
	case F32:
		return 4 * columns
	case F16:
		return 2 * columns
	}
	values := [...]int{Q8: 32, Q4: 16}[f] // bytes of a block
	blocks := ceilDiv(columns, blockValues)
	return values*blocks + 16*ceilDiv(blocks, groupBlocks)
}

// elementBytes is the size of an element of the array that the kernels read.
func (f Format) elementBytes() int { return [...]int{F32: 16, F16: 8, Q8: 16, Q4: 16}[f] }

// program returns the program of a shader whose first matrix of weights is in format f. With HALF
// 1, it reads F16 by shader-f16.
func (f Format) program(file string, values wgsl.Values, args ...gpu.Access) *gpu.Program {
	values = maps.Clone(values)
	if values == nil {
		values = wgsl.Values{"HALF": 0}
	}
	values["FORMAT"] = int(f)
	p := program(file, values, args...)
	if f != F32 {
		p.Name = file + "." + f.String() + values.Key()
	}
	return p
}
