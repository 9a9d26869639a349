package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"nextquill/core/gpu"
	"nextquill/native"
	"nextquill/wasm/guest"
	"nextquill/web/browsertest"
)

// withNaga compiles the shaders without extensions on this machine's device: naga 0.19 has none.
func withNaga(_ context.Context, shaders []shader) (int, error) {
	device, err := native.Open(nil)
	if err != nil {
		return 0, err
	}
	defer device.Close()
	compiled := 0
	for i, s := range shaders {
		if len(s.extensions) > 0 {
			continue
		}
		create := gpu.Command{
			Op: gpu.OpCreatePipeline, Pipeline: gpu.Pipeline(i + 1), Name: s.name, WGSL: s.wgsl, Bindings: s.bindings,
		}
		if err := device.Submit(&gpu.Batch{Commands: []gpu.Command{create}}); err != nil {
			return compiled, fmt.Errorf("compiler naga: %w", err)
		}
		compiled++
	}
	return compiled, nil
}

// compileScript is a function that compiles shaders and returns their errors.
//
//go:embed compile.js
var compileScript string

// withTint compiles the shaders in Chromium, those with extensions where its device has them.
func withTint(ctx context.Context, shaders []shader) (int, error) {
	root, err := guest.Root(ctx)
	if err != nil {
		return 0, err
	}
	server, err := browsertest.Serve(root, nil, os.DirFS(root))
	if err != nil {
		return 0, err
	}
	defer server.Close()
	browser, err := browsertest.Open(ctx, server.URL)
	if err != nil {
		return 0, err
	}
	defer browser.Close()

	type text struct {
		Name       string   `json:"name"`
		WGSL       string   `json:"wgsl"`
		Extensions []string `json:"extensions"`
	}
	var texts []text
	for _, s := range shaders {
		texts = append(texts, text{s.name, s.wgsl, append([]string{}, s.extensions...)})
	}
	list, err := json.Marshal(texts)
	if err != nil {
		return 0, err
	}
	function := strings.TrimSuffix(strings.TrimSpace(compileScript), ";")
	raw, err := browser.Evaluate(ctx, fmt.Sprintf("(%s)(%s)", function, list))
	if err != nil {
		return 0, err
	}
	var result struct {
		Compiled int
		Errors   []string
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return 0, err
	}
	if len(result.Errors) > 0 {
		return result.Compiled, fmt.Errorf("compiler Tint: %s", strings.Join(result.Errors, "\n"))
	}
	return result.Compiled, nil
}
