package metric

// Clusters sums the items of each cluster, in the order of the clusters' first items. The texts of
// one user depend on each other, so where there are several users an interval that is to hold for
// other users resamples users, not texts: Mean and Difference of the sums (a cluster bootstrap,
// Davison and Hinkley 1997, section 3.8). cluster names the cluster of each item, and has the same
// length as items.
func Clusters(items []Item, cluster []string) []Item {
	index := map[string]int{}
	var out []Item
	for i, it := range items {
		at, ok := index[cluster[i]]
		if !ok {
			at = len(out)
			index[cluster[i]] = at
			out = append(out, Item{})
		}
		out[at].Sum += it.Sum
		out[at].N += it.N
	}
	return out
}
