package train

import "math/rand/v2"

// Order is the order in which a run sees its samples: a new permutation each epoch. It follows
// from the seed and the step, so a checkpoint needs no random state.
type Order struct {
	Samples   int
	BatchSize int
	Seed      uint64
}

// StepsPerEpoch is the number of batches in an epoch; the last one may be smaller.
func (o Order) StepsPerEpoch() int { return (o.Samples + o.BatchSize - 1) / o.BatchSize }

// Batch returns the sample indices of a step, counted from 0.
func (o Order) Batch(step int) []int {
	epoch, at := step/o.StepsPerEpoch(), step%o.StepsPerEpoch()
	order := rand.New(rand.NewPCG(o.Seed, uint64(epoch))).Perm(o.Samples)
	return order[at*o.BatchSize : min(len(order), (at+1)*o.BatchSize)]
}
