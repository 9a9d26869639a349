//go:build js && wasm

package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"syscall/js"
)

// models is an R2 bucket. The get method of syumai/workers has no range option, so this calls the
// binding itself.
type models struct{ bucket js.Value }

// Open implements site.Storage.
func (m models) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	options := map[string]any{}
	if offset > 0 {
		options["range"] = map[string]any{"offset": offset}
	}
	object, err := await(ctx, m.bucket.Call("get", name, options))
	if err != nil {
		return nil, fmt.Errorf("bucket: %s: %w", name, err)
	}
	if object.IsNull() {
		return nil, fs.ErrNotExist
	}
	return &stream{ctx: ctx, readable: object.Get("body")}, nil
}
