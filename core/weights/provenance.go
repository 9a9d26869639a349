package weights

import (
	"context"

	"nextquill/core/blob"
)

// Provenance records how an adapter was trained, as far as it is known. PEFT has no field for it,
// so it is stored in the safetensors metadata of the adapter's weights, which PEFT ignores.
type Provenance struct {
	Template string // prompt layout: "plain", "chat", or "" if unknown
	Base     string // storage formats of the base model's matrices, such as "q8"; "" if unknown
}

// Keys of Provenance in the safetensors metadata.
const (
	provenanceTemplateKey = "nextquill.template"
	provenanceBaseKey     = "nextquill.base"
)

// maxProvenanceValue bounds the length of a value, in bytes. Longer values are ignored.
const maxProvenanceValue = 64

func provenanceOf(f *File) Provenance {
	word := func(key string) string {
		if v := f.Metadata()[key]; len(v) <= maxProvenanceValue {
			return v
		}
		return ""
	}
	return Provenance{Template: word(provenanceTemplateKey), Base: word(provenanceBaseKey)}
}

// ReadProvenance reads an adapter's Provenance from the header of its weights. It reads no tensor
// data.
func ReadProvenance(ctx context.Context, store blob.Store, dir string) (Provenance, error) {
	f, err := Open(ctx, store, blob.Join(dir, AdapterWeightsName))
	if err != nil {
		return Provenance{}, err
	}
	return provenanceOf(f), nil
}
