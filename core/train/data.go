package train

import (
	"fmt"

	"nextquill/core/causal"
	"nextquill/core/fault"
)

// Data is what a run trains on and is tested on.
type Data struct {
	Train   []causal.Sample
	Heldout []causal.Sample // may be empty: then there are no held-out tests
	// Expert holds, per training sample, log-probabilities of its response tokens under a frozen
	// θ_D, [responses, 2]: with history and without. Objectives with a frozen θ_D need it.
	Expert [][]float32
}

// check returns a fault when the data cannot train the objective.
func (d Data) check(o causal.Options) error {
	if len(d.Train) == 0 {
		return fault.New(fault.Missing, "training", "samples", "no training samples").
			WithRemedy("add at least one item of history")
	}
	if !o.Frozen() || !o.Dual() {
		return nil
	}
	if len(d.Expert) != len(d.Train) {
		return fault.New(fault.Mismatch, "training", "expert", "%d records", len(d.Expert)).
			WithLimit("%d, one per sample", len(d.Train)).
			WithRemedy("score every training sample under the frozen adapter")
	}
	for i, e := range d.Expert {
		if want := 2 * len(d.Train[i].Response); len(e) != want {
			return fault.New(fault.Mismatch, "training", fmt.Sprintf("expert[%d]", i), "%d values", len(e)).
				WithLimit("%d, two per response token", want)
		}
	}
	return nil
}

// batch selects the training samples of one step.
func (d Data) batch(index []int) Batch {
	b := Batch{Samples: make([]causal.Sample, len(index))}
	for i, j := range index {
		b.Samples[i] = d.Train[j]
		if d.Expert != nil {
			b.Expert = append(b.Expert, d.Expert[j])
		}
	}
	return b
}

// Batch is the samples of one optimizer step; Expert is as in Data, or nil.
type Batch struct {
	Samples []causal.Sample
	Expert  [][]float32
}

// responses is the number of response tokens of the batch.
func (b Batch) responses() int {
	n := 0
	for _, s := range b.Samples {
		n += len(s.Response)
	}
	return n
}

// ExpertOf gathers θ_D's log-probabilities in the order of a pack's response tokens,
// [responses, 2]; nil without Expert.
func (b Batch) ExpertOf(p *causal.Packed) []float32 {
	if b.Expert == nil {
		return nil
	}
	out := make([]float32, 0, 2*p.Responses())
	for i := range p.Targets {
		out = append(out, b.Expert[p.Sample[i]][2*p.Index[i]:][:2]...)
	}
	return out
}
