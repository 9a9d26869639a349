package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// addWriters adds the items of the request's further writers to the samples to train on. Each
// writer's items are a data set of their own, so that no prompt shows the texts of another writer.
func (j *personalizeJob) addWriters(ctx context.Context, cfg weights.Config, template string) error {
	p := &j.request
	if len(p.Writers) > api.MaxWriters {
		return fault.New(fault.TooLarge, "personalize", "writers", "%d of them", len(p.Writers)).
			WithLimit("%d", api.MaxWriters)
	}
	if len(p.Writers) > 0 && p.Retrieval.Kind == api.RetrievalListed {
		return fault.New(fault.Unsupported, "personalize", "writers", "cannot be combined with listed retrieval").
			WithRemedy("use latest or bm25")
	}
	for _, name := range p.Writers {
		d, err := openData(ctx, j.env, p.Model, cfg, api.Source{History: name}, template, p.Retrieval)
		if err != nil {
			return err
		}
		// The data set holds items out, but all of them are trained on.
		s, err := d.Samples(ctx, j.env.Pause, 0, len(d.Items), j.objective.NoHistory)
		if err != nil {
			return err
		}
		j.samples.Samples = append(j.samples.Samples, s.Samples...)
		n := &j.samples.Counts
		n.Texts += s.Counts.Texts
		n.Windows += s.Counts.Windows
		n.Long += s.Counts.Long
		n.Tokens += s.Counts.Tokens
		n.Copies += d.Copies
		n.Skipped += s.Counts.Skipped
	}
	return nil
}
