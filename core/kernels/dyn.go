package kernels

import "nextquill/core/gpu"

// Dyn holds the parameters of one replay of a plan: row counts for every plan, loss divisors for a
// training step, learning rates for an optimizer, a seed for decoding. A plan leaves what it does
// not use at 0. shaders/common.wgsl declares the same words in the same order.
type Dyn struct {
	// Tokens is the number of packed tokens in this micro-batch.
	Tokens uint32
	// Responses is the number of response tokens R.
	Responses uint32
	// Rows is the number of head rows: 2R with both branches (first all rows with history, then all
	// without), else R.
	Rows uint32
	// Slot is the row that this replay writes in the ring of sums (WeightSums) or of sampled tokens
	// (Sample).
	Slot uint32
	// Seed and Position determine the draw of Sample.
	Seed     uint32
	Position uint32
	// Accumulate is 1 when WeightSums adds to the sums of an earlier micro-batch of the same step.
	Accumulate uint32
	// NormNTP and NormAlign are the divisors Z of L_n and L_p; 0 stands for the sum of the weights,
	// which the device knows.
	NormNTP   float32
	NormAlign float32
	// LR, Bias1 and Bias2 are AdamW's learning rate, 1−β₁ᵗ and 1−β₂ᵗ.
	LR    float32
	Bias1 float32
	Bias2 float32

	// Pairs and HeadPairs are estimates of work for the host; no shader reads them. They count the
	// pairs of a query and a key that it attends to, over all tokens and over the head rows. 0
	// means unknown.
	Pairs, HeadPairs int64
}

// The words of a Dyn that the host reads again, and its hints.
const (
	wordTokens = iota
	wordResponses
	wordRows

	hintPairs     = 0
	hintHeadPairs = 1
)

// Replay lays d out as shaders/common.wgsl reads it.
func (d Dyn) Replay() *gpu.Replay {
	return &gpu.Replay{
		Words: [gpu.ReplayWords]uint32{
			d.Tokens, d.Responses, d.Rows, d.Slot, d.Seed, d.Position, d.Accumulate,
			gpu.F(d.NormNTP), gpu.F(d.NormAlign), gpu.F(d.LR), gpu.F(d.Bias1), gpu.F(d.Bias2),
		},
		Hints: [gpu.ReplayHints]int64{hintPairs: d.Pairs, hintHeadPairs: d.HeadPairs},
	}
}
