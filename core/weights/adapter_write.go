package weights

import (
	"context"

	"nextquill/core/blob"
)

// WriteAdapter writes an adapter in PEFT's format. The config is written last, so a folder with a
// config has complete weights.
func WriteAdapter(ctx context.Context, store blob.Store, dir string, a *Adapter) error {
	var tensors []Tensor
	for _, path := range a.Paths() {
		p := a.Pairs[path]
		tensors = append(tensors,
			Tensor{peftRoot + path + suffixA, []int{p.Rank(), p.In}, p.A},
			Tensor{peftRoot + path + suffixB, []int{p.Out, p.Rank()}, p.B})
	}
	metadata := map[string]string{"format": "pt"}
	for key, v := range map[string]string{provenanceTemplateKey: a.Provenance.Template,
		provenanceBaseKey: a.Provenance.Base} {
		if v != "" {
			metadata[key] = v
		}
	}
	err := Write(ctx, store, blob.Join(dir, AdapterWeightsName), tensors, metadata)
	if err != nil {
		return err
	}
	return store.Write(ctx, blob.Join(dir, AdapterConfigName), a.configJSON())
}
