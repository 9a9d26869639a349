// Package moduletest tests the module (web/module) and the element as a site uses them: a page of a
// static site loads the bundles that ship, in Chromium, from the first download to the last
// deletion. hubserver is a server of models like the Hugging Face hub.
//
// The test cases are the TypeScript files in tests/; package testfile explains how to write one.
// Site serves them, the module, the guest and the models, and can let downloads fail. TestKills,
// TestImportKilled, TestTabs and TestDownload are Go tests that drive several pages with functions
// of tests/*.steps.ts. What only a device can do to a page (a full disk, a lost GPU) comes from
// tests/faultyWorker.ts.
package moduletest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"nextquill/core/blob"
	"nextquill/models/manifest"
	"nextquill/samples"
	"nextquill/web/browsertest"
	"nextquill/web/browsertest/testfile"
	"nextquill/web/bundle"
)

// testsFolder has the test files, seen from the root of the repository.
const testsFolder = "web/moduletest/tests/"

// framePage is the page with a frame.
const framePage = "frame.test.html"

// page loads one test file: import.test.html loads tests/import.test.js.
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">
<script type="module" src="tests/%s.js"></script></html>`

// Site is a static site with the module, the test files, and models in folders.
type Site struct {
	*httptest.Server
	root string

	mu       sync.Mutex
	files    map[string][]byte
	requests []string
	failures map[string][]int
	connect  map[string]string
}

// Serve starts a site with the guest and the import module, and with a model in the folder model/.
// root is the repository's folder.
func Serve(root string, guest, imports []byte, model fs.FS) (*Site, error) {
	s := &Site{root: root, failures: map[string][]int{}, connect: map[string]string{},
		files: map[string][]byte{"nextquill.wasm": guest, "nextquill-import.wasm": imports}}
	entries := map[string]string{
		bundle.Module:  "nextquill.js",
		bundle.Element: "element.js",
		bundle.Worker:  "worker.js",
		bundle.Hub:     "hub.js",

		bundle.ImportWorker: "import-worker.js",
	}
	for entry, name := range entries {
		b, err := bundle.Make(root, entry, nil)
		if err != nil {
			return nil, err
		}
		s.files[name] = b.JS
	}
	worker, err := testfile.Bundle(root, testsFolder+"faultyWorker.ts")
	if err != nil {
		return nil, err
	}
	s.files["tests/faultyWorker.js"] = worker.JS
	if s.files["samples/history.jsonl"], err = fs.ReadFile(samples.Bierce(), "history.jsonl"); err != nil {
		return nil, err
	}
	if err := s.AddModel("model", "default", model, 0); err != nil {
		return nil, err
	}
	s.Server = httptest.NewServer(s)
	return s, nil
}

// AddTestFile bundles tests/<name>.ts and serves it with a page, whose path it returns.
func (s *Site) AddTestFile(name string) (script *testfile.Script, path string, err error) {
	script, err = testfile.Bundle(s.root, testsFolder+name+".ts")
	if err != nil {
		return nil, "", err
	}
	s.Put("tests/"+name+".js", script.JS)
	s.Put(name+".html", fmt.Appendf(nil, page, name))
	return script, "/" + name + ".html", nil
}

// AddModel serves a model's files in a folder, with a manifest. With shardSize above 0, larger
// files are served in parts of that many bytes.
func (s *Site) AddModel(folder, name string, model fs.FS, shardSize int) error {
	var names []string
	for _, name := range []string{
		"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "model.gguf",
	} {
		if _, err := fs.Stat(model, name); err == nil {
			names = append(names, name)
		}
	}
	m, err := manifest.Of(context.Background(), name, blob.FromFS(model), names, nil)
	if err != nil {
		return err
	}
	for i := range m.Files {
		f := &m.Files[i]
		data, err := fs.ReadFile(model, f.Path)
		if err != nil {
			return err
		}
		if shardSize == 0 || len(data) <= shardSize {
			s.Put(folder+"/"+f.Path, data)
			continue
		}
		for part := range slices.Chunk(data, shardSize) {
			shard := manifest.Shard{
				URL:    fmt.Sprintf("%s.%d", f.Path, len(f.Shards)),
				Size:   int64(len(part)),
				SHA256: manifest.Sum(part),
			}
			f.Shards = append(f.Shards, shard)
			s.Put(folder+"/"+shard.URL, part)
		}
	}
	s.Put(folder+"/manifest.json", m.Encode())
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1:]
	s.mu.Lock()
	data, ok := s.files[name]
	s.requests = append(s.requests, name+r.Header.Get("Range"))
	failures := s.failures[name]
	connect := s.connect[name]
	if len(failures) > 0 {
		s.failures[name] = failures[1:]
	}
	s.mu.Unlock()
	if len(failures) > 0 {
		breakOff(w, data, failures[0])
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	// The policy forbids frames. In a sandboxed one workers start from data: URLs.
	if r.Header.Get("Sec-Fetch-Dest") != "iframe" && name != framePage {
		policy := strings.Replace(browsertest.Policy, "connect-src 'self'", "connect-src 'self'"+connect, 1)
		w.Header().Set("Content-Security-Policy", policy)
	}
	if r.Header.Get("Origin") == "null" { // of a sandboxed frame
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}
	http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(data))
}

// breakOff answers with the first n bytes and then breaks the connection, or with an error if n is
// 0.
func breakOff(w http.ResponseWriter, data []byte, n int) {
	if n == 0 {
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data[:n])
	_ = http.NewResponseController(w).Flush()
	time.Sleep(500 * time.Millisecond) // at the break the browser drops what the page has not read yet
	panic(http.ErrAbortHandler)
}

// AllowRequests lets a page send requests to other servers.
func (s *Site) AllowRequests(page string, servers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connect[page] = " " + strings.Join(servers, " ")
}

// FailNext makes the next answers with a file fail, each after that many bytes; 0 is an error 503.
func (s *Site) FailNext(name string, after ...int) {
	s.FailNextOf(map[string][]int{name: after})
}

// FailNextOf is FailNext for several files. It replaces earlier calls.
func (s *Site) FailNextOf(after map[string][]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = maps.Clone(after)
}

// LargestFile names the largest file in a folder.
func (s *Site) LargestFile(folder string) (largest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, data := range s.files {
		if strings.HasPrefix(name, folder+"/") && len(data) > len(s.files[largest]) {
			largest = name
		}
	}
	return largest
}

// Size is the size of a file, whether it is served in one part or in several.
func (s *Site) Size(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for file, data := range s.files {
		if file == name || strings.HasPrefix(file, name+".") {
			n += len(data)
		}
	}
	return n
}

// Put adds or replaces a file.
func (s *Site) Put(name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = data
}

// File returns a copy of a file.
func (s *Site) File(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.files[name])
}

// TakeRequests returns the requested files since the last call, in order, each followed by its
// Range header.
func (s *Site) TakeRequests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}
