package gpu

import "math"

// Program is one WGSL compute shader with entry point "main". Binding 0 is its Shape and binding 1
// the plan's Replay, both uniform; Args describes the bindings from 2 on, in order.
type Program struct {
	// Name identifies the text: programs of one name have one text.
	Name string
	// Source returns the WGSL. A Context asks for it once per name.
	Source func() (string, error)
	Args   []Access
}

func (p *Program) bindings() []Access {
	return append([]Access{ReadUniform, ReadUniform}, p.Args...)
}

// Shape holds the parameters of a dispatch that are fixed when a plan is recorded: feature counts,
// strides, constants. Each shader declares it as a struct of at most ShapeWords u32 and f32
// members.
type Shape [ShapeWords]uint32

// ShapeWords is the size of a Shape in 4-byte words.
const ShapeWords = 16

// F returns the bits of a float parameter as a word of a Shape or Replay.
func F(v float32) uint32 { return math.Float32bits(v) }

// Replay is what changes from one replay of a plan to the next: words that every shader of the plan
// reads from the uniform at binding 1, and numbers for the host alone. Whoever records the plan
// says what each of them means.
type Replay struct {
	Words [ReplayWords]uint32
	// Hints are read by Dispatch.Groups and Dispatch.Flops only; no shader sees them.
	Hints [ReplayHints]int64
}

// ReplayWords is the number of 4-byte words in a Replay, ReplayHints that of its hints.
const (
	ReplayWords = 16
	ReplayHints = 2
)
