package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/datastore"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// minFitted is the smallest number of texts to fit a share to. With fewer, none of them could be
// tested with a share that is fitted to others.
const minFitted = 2

// fitShare sets d.Share to the value at which the held-out texts are the most likely under m, and
// stores a digest of these texts in d.Fitted. It returns their number. If there are too few, it
// returns 0 and does not change d.
func fitShare(ctx context.Context, env *engine.Env, m *model.Model, d *datastore.Datastore,
	heldout dataset.Samples) (int, error) {
	texts := heldout.Texts()
	if len(texts) < minFitted {
		return 0, nil
	}
	store, err := m.NewDatastore(d)
	if err != nil {
		return 0, err
	}
	defer store.Free()
	limits := train.Fit(heldout.Samples, false, api.DefaultTokenBudget, len(heldout.Samples))
	scorer, err := train.NewPointScorer(m, limits, false, nil, store)
	if err != nil {
		return 0, err
	}
	defer scorer.Free()
	progress := stageProgress(env, api.StageRemember, len(heldout.Samples))
	r, err := scorer.ScorePoints(ctx, heldout.Samples, progress)
	if err != nil {
		return 0, err
	}
	ratios, err := ratiosOf(r)
	if err != nil {
		return 0, err
	}
	var all []float64
	for _, one := range ratios {
		all = append(all, one...)
	}
	d.Share, d.Fitted = datastore.Fit(all), digestOf(heldout)
	return len(texts), nil
}

// fitNeeds is the memory that fitShare needs with a datastore of samples; none if there are too few
// held-out texts.
func fitNeeds(samples []causal.Sample, heldout dataset.Samples) (n model.Needs) {
	if len(heldout.Texts()) < minFitted {
		return n
	}
	n = scoreNeeds(heldout.Samples, false)
	for _, s := range samples {
		n.Entries += len(s.Response)
	}
	n.Entries = min(n.Entries, datastore.MaxEntries)
	return n
}

// digestOf identifies texts by their tokens.
func digestOf(s dataset.Samples) string {
	var windows [][]int32
	for _, one := range s.Samples {
		windows = append(windows, one.Response)
	}
	return datastore.TextsDigest(dataset.Join(s.Index, windows))
}

// ratiosOf returns datastore.Ratio of each response token, [samples][responses].
func ratiosOf(r train.Scores) ([][]float64, error) {
	out := make([][]float64, len(r.Recalled))
	for i, recalled := range r.Recalled {
		for t, p := range recalled {
			if !(p >= 0 && p <= 1.0001) {
				return nil, fault.New(fault.NaN, "datastore", "", "gives a probability of %g", p).
					WithRemedy("the datastore or the model is damaged: train again")
			}
			out[i] = append(out[i], datastore.Ratio(r.Tokens[i][t].LogpWith, p))
		}
	}
	return out, nil
}

// shares returns the share of the datastore for each of the samples: that of the datastore or, if
// that was fitted to exactly these texts, the one that CrossFit returns.
func (i *inference) shares(s dataset.Samples, r train.Scores) ([]float64, error) {
	ratios, err := ratiosOf(r) // which also checks r
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(s.Samples))
	if i.fitted == "" || i.fitted != digestOf(s) {
		for at := range out {
			out[at] = i.share
		}
		return out, nil
	}
	fitted, text := datastore.CrossFit(dataset.Join(s.Index, ratios)), -1
	for at := range out {
		if at == 0 || s.Index[at] != s.Index[at-1] {
			text++
		}
		out[at] = fitted[text]
	}
	return out, nil
}

// mix mixes the datastore into the log-probabilities of the branch with history: those of the model
// as it is, and those at points that do not steer, after their temperature. shares are those of the
// samples.
func mix(r train.Scores, points []kernels.Point, shares []float64) {
	for i, recalled := range r.Recalled {
		for t, p := range recalled {
			token := &r.Tokens[i][t]
			token.LogpWith = datastore.Mix(shares[i], token.LogpWith, p)
			for k := range points {
				if point := &r.Points[i][t][k]; points[k].Steer == 1 {
					point.Logp = datastore.Mix(shares[i], point.Logp, p)
				}
			}
		}
	}
}
