package method

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// ranked returns the retrieval for the prompts of texts that follow the earlier items. The core
// ranks the items itself, except by vectors and from a foreign history: then the ranking is written
// as lists.
func (r *run) ranked(ctx context.Context, p part, earlier, texts []history.Item) (api.Retrieval, error) {
	if r.vectors == nil && !r.foreign(p) {
		return r.retrieval(), nil
	}
	lists := map[string][]string{}
	all := append(slices.Clone(earlier), texts...)
	for i, it := range texts {
		candidates := all[:len(earlier)+i]
		if r.foreign(p) {
			candidates = earlier
		}
		list, err := r.rank(candidates, it)
		if err != nil {
			return api.Retrieval{}, err
		}
		lists[it.ID] = list
	}
	return r.writeLists(ctx, "lists.json", lists)
}

// writeLists writes rankings, and returns the retrieval that uses them.
func (r *run) writeLists(ctx context.Context, name string, lists map[string][]string) (api.Retrieval, error) {
	out := r.o.Retrieval
	out.Kind, out.Lists = api.RetrievalListed, r.folder(name)
	raw, err := json.Marshal(lists)
	if err != nil {
		return out, err
	}
	return out, r.e.Blobs.Write(ctx, out.Lists, raw)
}

// spare is the number of items that a ranking has beyond those of a prompt: the core leaves out
// copies of the text that is to be predicted.
const spare = 8

// rank returns the ids of the best candidates for the prompt of a text, best first.
func (r *run) rank(candidates []history.Item, text history.Item) ([]string, error) {
	k := r.kept() + spare
	var order []int
	if query := r.vectors.query(text.ID); query != nil {
		scores := make([]float64, len(candidates))
		for i, it := range candidates {
			doc := r.vectors.doc(it.ID)
			if doc == nil {
				return nil, fault.New(fault.Internal, "method "+r.Name, "embed", "no vector for the item %s",
					fault.Quote(it.ID))
			}
			scores[i] = dot(query, doc)
			order = append(order, i)
		}
		// Among equal scores newer items come first.
		slices.SortFunc(order, func(i, j int) int {
			return cmp.Or(cmp.Compare(scores[j], scores[i]), cmp.Compare(j, i))
		})
	} else {
		var by history.Retriever = history.LatestK{}
		if r.retrieval().Kind == api.RetrievalBM25 {
			by = &history.BM25{}
		}
		all, at := history.WithQuery(candidates, text.Context)
		order = by.Select(all, at, k)
	}
	var ids []string
	for _, i := range order[:min(k, len(order))] {
		ids = append(ids, candidates[i].ID)
	}
	return ids, nil
}

// vectors are mean-pooled hidden states of items and of requests, by the ID of the item.
type vectors struct {
	docs, queries map[string][]float32
}

func (v *vectors) doc(id string) []float32 { return v.docs[id] }

// query returns the vector of an item's request; nil without one.
func (v *vectors) query(id string) []float32 {
	if v == nil {
		return nil
	}
	return v.queries[id]
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// embed computes the vectors of all items, with their requests, and of the requests of validation
// and test texts. A text without context has no request: the newest items are taken for it.
func (r *run) embed(ctx context.Context) (*vectors, error) {
	v := &vectors{docs: map[string][]float32{}, queries: map[string][]float32{}}
	var texts []string
	var into []map[string][]float32
	var ids []string
	add := func(to map[string][]float32, id, text string) {
		if strings.TrimSpace(text) != "" {
			texts, into, ids = append(texts, text), append(into, to), append(ids, id)
		}
	}
	docs := slices.Concat(r.u.Train, r.u.Validation, r.u.Test, foreignItems(r.o.Foreign))
	for _, it := range docs {
		add(v.docs, it.ID, strings.Trim(request(it)+"\n"+it.Text, "\n"))
	}
	for _, it := range slices.Concat(r.u.Validation, r.u.Test) {
		add(v.queries, it.ID, request(it))
	}
	s, err := r.states(ctx, r.model, texts, false)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		into[i][id] = s.texts[i]
	}
	return v, nil
}

// request is the context of an item as one text.
func request(it history.Item) string {
	var values []string
	for _, f := range it.Context {
		values = append(values, f.Value)
	}
	return strings.Join(values, "\n")
}
