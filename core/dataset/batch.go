package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
)

// MaxBatchBlob bounds a batch file, and the file of its options, in bytes.
const MaxBatchBlob = 64 << 20

// Batch is encoded samples, split into windows of at most the model's context length.
type Batch struct {
	Windows []causal.Sample
	Sample  []int // of each window: its sample in the file
	First   []int // of each window: the place of its first token in the sample's response
}

// ReadBatch reads encoded samples, {"samples":[{"with":[ids],"without":[ids],"response":[ids]}]},
// and checks them against the model's vocabulary size and context length. A sample that is longer
// is split as Text splits a text, if its prompts leave at least a quarter of the context length.
func ReadBatch(ctx context.Context, store blob.Store, name string, vocab, positions int) (out Batch, err error) {
	raw, err := blob.ReadAll(ctx, store, name, MaxBatchBlob)
	if err != nil {
		return out, err
	}
	var batch struct {
		Samples []causal.Sample `json:"samples"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&batch); err != nil {
		const form = `not {"samples":[{"with":[ids],"without":[ids],"response":[ids]}]}`
		return out, fault.New(fault.Malformed, name, "", form).WithCause(err)
	}
	if len(batch.Samples) == 0 {
		return out, fault.New(fault.Missing, name, "samples", "there are none")
	}
	for i, s := range batch.Samples {
		where := fmt.Sprintf("%s: sample %d", name, i)
		if err := s.Check(where, vocab); err != nil {
			return out, err
		}
		room := s.Room(positions + 1) // the last token of a response predicts nothing
		if n := max(len(s.With), len(s.Without)) + len(s.Response) - 1; n > positions && room < max(1, positions/4) {
			return out, fault.New(fault.TooLarge, where, "", "is %d tokens long", n).
				WithLimit("max_position_embeddings, %d", positions).WithRemedy("shorten the prompt")
		}
		first := 0
		for _, w := range s.Windows(room) {
			out.Windows = append(out.Windows, w)
			out.Sample = append(out.Sample, i)
			out.First = append(out.First, first)
			first += len(w.Response)
		}
	}
	return out, nil
}
