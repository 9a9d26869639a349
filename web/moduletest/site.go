// Package moduletest serves the module to a page of its own and tests it in
// Chromium, from the first download to the last deletion.
package moduletest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"nextquill/core/blob"
	"nextquill/models/manifest"
	"nextquill/web/browsertest"
	"nextquill/web/bundle"
)

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">
<script type="module" src="main.js"></script></html>`

// main gives the scripts of a test what a page would import.
const main = `import * as module from "./nextquill.js";
import "./element.js";
globalThis.module = module;
globalThis.settled = async (promise) => {
  try {
    return { value: await promise };
  } catch (thrown) {
    return { fault: { kind: thrown.kind ?? thrown.name, message: thrown.message } };
  }
};
// The database's writes can be made to fail from here on, as faulty.go does with files.
globalThis.databaseWrites = {
  failAfter(n, told) { [this.left, this.told] = [n, told]; },
  left: 0,
};
for (const name of ["add", "put"]) {
  const write = IDBObjectStore.prototype[name];
  IDBObjectStore.prototype[name] = function (...args) {
    const writes = globalThis.databaseWrites;
    if (writes.left > 0 && --writes.left === 0) {
      writes.told();
      throw new DOMException("no space is left", "QuotaExceededError");
    }
    return write.apply(this, args);
  };
}
// The workers that live.
globalThis.workers = new Set();
globalThis.Worker = class extends Worker {
  constructor(...args) {
    super(...args);
    workers.add(this);
  }
  terminate() {
    workers.delete(this);
    super.terminate();
  }
};
globalThis.exported = async (nq) => {
  const bytes = new Uint8Array(await (await nq.adapter.export()).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};
globalThis.ready = true;`

// Site is a static site with the module, and a model under model/.
type Site struct {
	*httptest.Server

	mu    sync.Mutex
	files map[string][]byte
	asked []string
	fail  map[string][]int
}

// Serve starts a site with the guest and a model's files.
func Serve(root string, guest []byte, model fs.FS) (*Site, error) {
	s := &Site{files: map[string][]byte{"": []byte(page), "main.js": []byte(main), "faulty.js": []byte(faulty), "nextquill.wasm": guest}}
	entries := map[string]string{bundle.Module: "nextquill.js", bundle.Element: "element.js", bundle.Worker: "worker.js"}
	for entry, name := range entries {
		b, err := bundle.Make(root, entry, nil)
		if err != nil {
			return nil, err
		}
		s.files[name] = b.JS
	}
	if err := s.AddModel("model", "default", model, 0); err != nil {
		return nil, err
	}
	s.Server = httptest.NewServer(s)
	return s, nil
}

// AddModel serves a model's files in a folder, with a manifest. With shardSize above 0
// larger files are served in parts of so many bytes.
func (s *Site) AddModel(folder, name string, model fs.FS, shardSize int) error {
	var names []string
	for _, name := range []string{"config.json", "tokenizer.json", "model.safetensors", "model.gguf"} {
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
			shard := manifest.Shard{URL: fmt.Sprintf("%s.%d", f.Path, len(f.Shards)), Size: int64(len(part)), SHA256: manifest.Sum(part)}
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
	s.asked = append(s.asked, name+r.Header.Get("Range"))
	failures := s.fail[name]
	if len(failures) > 0 {
		s.fail[name] = failures[1:]
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
	w.Header().Set("Content-Security-Policy", browsertest.Policy)
	http.ServeContent(w, r, pageName(name), time.Time{}, bytes.NewReader(data))
}

// breakOff answers with the first n bytes and then no more, or with an error when n is 0.
func breakOff(w http.ResponseWriter, data []byte, n int) {
	if n == 0 {
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data[:n])
	_ = http.NewResponseController(w).Flush()
	time.Sleep(500 * time.Millisecond) // the browser forgets what the page has not read by then
	panic(http.ErrAbortHandler)
}

// Fail makes the next answers with a file fail, each after so many bytes.
func (s *Site) Fail(name string, after ...int) {
	s.FailAll(map[string][]int{name: after})
}

// FailAll makes the next answers with each of several files fail so.
func (s *Site) FailAll(after map[string][]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = maps.Clone(after)
}

// Weights names the largest file of a model's folder.
func (s *Site) Weights(folder string) (largest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, data := range s.files {
		if strings.HasPrefix(name, folder+"/") && len(data) > len(s.files[largest]) {
			largest = name
		}
	}
	return largest
}

// Size is that of a file, whether it is served whole or in parts.
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

func pageName(name string) string {
	if name == "" {
		return "index.html"
	}
	return name
}

// Put replaces a file.
func (s *Site) Put(name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = data
}

// File is a file as it is served.
func (s *Site) File(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.files[name])
}

// Asked gives, once, the paths that were asked for, each with its range.
func (s *Site) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}
