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

// ReadBatch reads encoded samples, {"samples":[{"with":[ids],"without":[ids],"response":[ids]}]},
// and checks them against the model's vocabulary size and context length.
func ReadBatch(ctx context.Context, store blob.Store, name string, vocab, positions int) ([]causal.Sample, error) {
	raw, err := blob.ReadAll(ctx, store, name, MaxBatchBlob)
	if err != nil {
		return nil, err
	}
	var batch struct {
		Samples []causal.Sample `json:"samples"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&batch); err != nil {
		const form = `not {"samples":[{"with":[ids],"without":[ids],"response":[ids]}]}`
		return nil, fault.New(fault.Malformed, name, "", form).WithCause(err)
	}
	if len(batch.Samples) == 0 {
		return nil, fault.New(fault.Missing, name, "samples", "there are none")
	}
	for i, s := range batch.Samples {
		where := fmt.Sprintf("%s: sample %d", name, i)
		if err := s.Check(where, vocab); err != nil {
			return nil, err
		}
		if n := max(len(s.With), len(s.Without)) + len(s.Response) - 1; n > positions {
			return nil, fault.New(fault.TooLarge, where, "", "is %d tokens long", n).
				WithLimit("max_position_embeddings, %d", positions).WithRemedy("shorten the prompt or the response")
		}
	}
	return batch.Samples, nil
}
