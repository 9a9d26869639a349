package manifest_test

import (
	"context"
	"errors"
	"fmt"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/manifest"
)

// A manifest is made of the files of a model. A file that changes later no longer matches it.
func ExampleFile_Check() {
	ctx, store := context.Background(), &blob.Mem{}
	if err := store.Write(ctx, "tokenizer.json", []byte("{}")); err != nil {
		fmt.Println(err)
		return
	}
	m, err := manifest.Of(ctx, "tiny", store, []string{"tokenizer.json"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if m, err = manifest.Parse(manifest.FileName, m.Encode()); err != nil {
		fmt.Println(err)
		return
	}
	file := m.Files[0]
	fmt.Println(file.Path, file.Size, file.SHA256[:8])
	fmt.Println(file.Check(ctx, store, nil))

	if err := store.Write(ctx, "tokenizer.json", []byte("[]")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(file.Check(ctx, store, nil), fault.Mismatch))
	// Output:
	// tokenizer.json 2 44136fa3
	// <nil>
	// true
}
