//go:build js && wasm

package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"syscall/js"

	"nextquill/edge/site"
)

// assets are the files of the deployment. The binding's fetch is called here and not by the fetch
// package of syumai/workers, which calls it without its object.
type assets struct {
	binding  js.Value
	manifest site.Manifest
}

// Find implements site.Source.
func (a assets) Find(_ context.Context, path string) (site.File, error) {
	file, ok := a.manifest[path]
	if !ok {
		return site.File{}, fs.ErrNotExist
	}
	return file, nil
}

// Open implements site.Source. The binding has no ranges, so the bytes before offset are read and
// dropped.
func (a assets) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	// The host part of the address means nothing to the binding.
	response, err := await(ctx, a.binding.Call("fetch", "https://assets/"+name))
	if err != nil {
		return nil, err
	}
	switch status := response.Get("status").Int(); status {
	case 200:
	case 404:
		return nil, fs.ErrNotExist
	default:
		return nil, fmt.Errorf("asset %s: status %d", name, status)
	}
	body := &stream{ctx: ctx, readable: response.Get("body")}
	if _, err := io.CopyN(io.Discard, body, offset); err != nil {
		body.Close()
		return nil, err
	}
	return body, nil
}
