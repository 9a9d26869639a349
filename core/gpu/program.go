package gpu

import "math"

// Program is one WGSL compute shader with entry point "main". Binding 0 is its
// Shape, binding 1 the plan's Dyn, both uniform; Args describes the bindings
// from 2 on, in order.
type Program struct {
	Name string
	WGSL string
	Args []Access
}

func (p *Program) bindings() []Access {
	return append([]Access{ReadUniform, ReadUniform}, p.Args...)
}

// Shape is the parameter block that is fixed when a plan is recorded: feature
// counts, strides, constants. Each shader declares it as a struct of u32 and
// f32 members, at most ShapeWords of them.
type Shape [ShapeWords]uint32

// ShapeWords is the size of a Shape in 4-byte words.
const ShapeWords = 16

// F returns the bits of a float parameter for a Shape word.
func F(v float32) uint32 { return math.Float32bits(v) }

// Dyn is what changes from one replay of a plan to the next. It is one uniform
// block, declared in shaders/common.wgsl in the same order.
type Dyn struct {
	// Tokens is the number of packed tokens in this micro-batch.
	Tokens uint32
	// Responses is the number of response tokens R.
	Responses uint32
	// Rows is the number of head rows: 2R with both branches (first all rows
	// with history, then all without), else R.
	Rows uint32
	// Slot is where this step's sums go in the ring of sums.
	Slot uint32
	// Seed and Position drive sampling.
	Seed     uint32
	Position uint32
	// Accumulate is 1 when sums add to an earlier micro-batch of the step.
	Accumulate uint32
	_          uint32
	// NormNTP and NormAlign are the divisors Z of L_n and L_p; 0 asks the
	// device for the sum of the weights.
	NormNTP   float32
	NormAlign float32
	// LR, Bias1 and Bias2 are AdamW's learning rate and 1−β₁ᵗ, 1−β₂ᵗ.
	LR    float32
	Bias1 float32
	Bias2 float32
	_     [3]uint32

	// Pairs and HeadPairs are for the host alone, for estimates of work: how
	// many pairs of a query and a key it sees attention has, over all tokens
	// and over the head rows.
	Pairs, HeadPairs int64
}

// DynWords is the size of Dyn in 4-byte words.
const DynWords = 16

// Words lays d out as the shaders see it.
func (d *Dyn) Words() [DynWords]uint32 {
	return [DynWords]uint32{
		d.Tokens, d.Responses, d.Rows, d.Slot,
		d.Seed, d.Position, d.Accumulate, 0,
		F(d.NormNTP), F(d.NormAlign), F(d.LR), F(d.Bias1),
		F(d.Bias2), 0, 0, 0,
	}
}
