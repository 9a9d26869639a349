package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/diag"
	"nextquill/core/engine"
	"nextquill/core/gpu"
	"nextquill/core/jobs"
	"nextquill/core/rpc"
	"nextquill/native"
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
	"nextquill/web/bundle"
)

// prompt is what every program continues.
type prompt struct {
	text   string
	ids    []int32
	tokens int // to write after the first
}

// timing is one turn. IDs are the tokens written, if the program tells them.
type timing struct {
	Prompt        int     `json:"prompt"` // tokens
	PromptSeconds float64 `json:"prompt_seconds"`
	TokenSeconds  float64 `json:"token_seconds"`
	IDs           []int32 `json:"ids"`
}

// writer is a program that writes.
type writer struct {
	name   string
	device string // processor, or the device of Vulkan or WebGPU; programs with the same one compare
	write  func(ctx context.Context, p prompt) (timing, error)
	close  func()
	turns  []timing
}

// ours runs bench-decode of the core through a client.
func ours(c api.Client, model string) func(ctx context.Context, p prompt) (timing, error) {
	return func(ctx context.Context, p prompt) (timing, error) {
		var b api.DecodeBench
		params := api.BenchDecodeParams{Model: model, Prompt: p.ids, Tokens: &p.tokens}
		err := c.Call(ctx, api.MethodBenchDecode, params, &b, nil)
		return timing{b.Prompt, b.PromptSeconds, b.TokenSeconds, b.IDs}, err
	}
}

// keepModel loads the model once, for all turns.
func keepModel(ctx context.Context, c api.Client, model string) error {
	return c.Call(ctx, api.MethodLoad, api.LoadParams{Model: model}, nil, nil)
}

// nativeClient is the core in this process.
func nativeClient(files blob.Store) (api.Client, *native.Device, error) {
	device, err := native.Open(files)
	if err != nil {
		return nil, nil, err
	}
	e := engine.New(engine.Host{GPU: gpu.NewContext(device), Blobs: files})
	return rpc.Local(e.NewServer(jobs.Methods(e), diag.Methods(e))), device, nil
}

// oursInChromium is the test guest in Chromium.
func oursInChromium(ctx context.Context, root, model string) (*writer, error) {
	wasm, err := host.LoadTestGuest("")
	if err != nil {
		return nil, err
	}
	server, err := browsertest.Serve(root, map[string][]byte{"nextquill.wasm": wasm}, os.DirFS(filepath.Dir(model)))
	if err != nil {
		return nil, err
	}
	page, err := browsertest.Open(ctx, server.URL)
	if err != nil {
		server.Close()
		return nil, err
	}
	w := &writer{write: ours(page, filepath.Base(model)), close: func() { page.Close(); server.Close() }}
	var opened struct {
		Device gpu.Info `json:"device"`
	}
	options := map[string]any{"wasm": "nextquill.wasm", "blobs": map[string]any{"kind": "memory"}}
	err = page.CallHarness(ctx, &opened, "open", options)
	if err == nil {
		err = page.CallHarness(ctx, nil, "put", []string{filepath.Base(model)})
	}
	if err == nil {
		err = keepModel(ctx, page, filepath.Base(model))
	}
	if err != nil {
		w.close()
		return nil, err
	}
	w.name, w.device = "NextQuill, Chromium", opened.Device.Name
	return w, nil
}

// llama is llama.cpp in Node.
func llama(ctx context.Context, o options, model, on string) (*writer, error) {
	// By default llama.cpp uses no Vulkan device that is a processor.
	env := []string{"GGML_VK_VISIBLE_DEVICES=0"}
	p, err := start(ctx, o.Out, env, nil, "node", "llama.mjs", model, on, fmt.Sprint(o.Threads))
	if err != nil {
		return nil, err
	}
	w := &writer{name: p.name, device: p.device, close: p.close}
	w.write = func(_ context.Context, q prompt) (t timing, err error) {
		return t, p.ask(map[string]any{"ids": q.ids, "tokens": q.tokens}, &t)
	}
	return w, nil
}

// wllama is llama.cpp in Chromium, on the processor.
func wllama(ctx context.Context, root string, o options, model string, threads int) (*writer, error) {
	server, err := serveWllama(root, o, model)
	if err != nil {
		return nil, err
	}
	page, err := browsertest.Open(ctx, server.URL)
	if err != nil {
		server.Close()
		return nil, err
	}
	w := &writer{
		name: "wllama, Chromium", device: fmt.Sprintf("processor (threads: %d)", threads),
		close: func() { page.Close(); server.Close() },
	}
	open, stop := context.WithTimeout(ctx, 3*time.Minute)
	defer stop()
	if _, err := page.Evaluate(open, fmt.Sprintf("openPeer(%d).then(() => true)", threads)); err != nil {
		w.close()
		return nil, err
	}
	w.write = func(ctx context.Context, p prompt) (t timing, err error) {
		text, err := json.Marshal(p.text)
		if err != nil {
			return t, err
		}
		raw, err := page.Evaluate(ctx, fmt.Sprintf("peer.write(%s, %d)", text, p.tokens))
		if err != nil {
			return t, err
		}
		return t, json.Unmarshal(raw, &t)
	}
	return w, nil
}

const wllamaPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>wllama</title>
<link rel="icon" href="data:,"><script type="module" src="wllama.js"></script></html>`

// serveWllama serves the page of wllama, cross-origin isolated so that it may use threads.
func serveWllama(root string, o options, model string) (*httptest.Server, error) {
	script, err := bundle.WithPackages(root, "benchpeers/wllama.ts", filepath.Join(o.Out, "node_modules"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"/wllama.wasm": filepath.Join(o.Out, "node_modules/@wllama/wllama/esm/wasm/wllama.wasm"),
		"/model.gguf":  model,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		switch {
		case r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, wllamaPage)
		case r.URL.Path == "/wllama.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			_, _ = w.Write(script)
		case files[r.URL.Path] != "":
			http.ServeFile(w, r, files[r.URL.Path])
		default:
			http.NotFound(w, r)
		}
	})), nil
}
