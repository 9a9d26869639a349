package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func TestWriteSite(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dist")
	script := []byte(strings.Repeat("let a = 1;\n", 200))
	s := newSite("")
	page := s.addHashed("page.js", script)
	require.Regexp(t, `^assets/page-[0-9a-f]{10}\.js$`, page)
	s.first[page] = true
	s.lib("page.js", script)
	s.add("model/model.safetensors", bytes.Repeat([]byte{0}, 4096))
	s.add("short.txt", []byte("x"))

	m, err := s.write(out)
	require.NoError(t, err)
	require.EqualValues(t, 4096, m.FirstLoad.Weights)
	text, err := os.ReadFile(filepath.Join(out, marker))
	require.NoError(t, err)
	var again siteManifest
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, m, again)

	for _, f := range m.Files {
		data, err := os.ReadFile(filepath.Join(out, f.Path))
		require.NoError(t, err)
		require.Equal(t, sum(data), f.SHA256)
		require.EqualValues(t, len(data), f.Size)
		require.Equal(
			t,
			strings.HasSuffix(f.Path, ".js"),
			f.Brotli > 0 && f.Gzip > 0,
			"%s: only files that get smaller are compressed",
			f.Path,
		)
	}
	require.Equal(t, m.Files[0].Brotli, m.FirstLoad.Brotli, "files for other sites are not part of the first load")
	compressed, err := os.ReadFile(filepath.Join(out, page+".br"))
	require.NoError(t, err)
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(compressed)))
	require.NoError(t, err)
	require.Equal(t, script, plain)
	file, err := os.Open(filepath.Join(out, page+".gz"))
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	plain, err = io.ReadAll(unzipped)
	require.NoError(t, err)
	require.Equal(t, script, plain)

	// The earlier site is removed; its compressed files are used again.
	known, err := previous(out)
	require.NoError(t, err)
	require.Equal(t, compressed, known[sum(script)].brotli)
	delete(s.files, "short.txt")
	_, err = s.write(out)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(out, "short.txt"))
	require.FileExists(t, filepath.Join(out, page+".br"))
}

func TestWriteSiteSparesOthersFiles(t *testing.T) {
	out := t.TempDir()
	mine := filepath.Join(out, "thesis.doc")
	require.NoError(t, os.WriteFile(mine, []byte("years"), 0o644))
	_, err := newSite("").write(out)
	require.Equal(t, fault.Mismatch, fault.KindOf(err))
	require.FileExists(t, mine)
}

func TestNotices(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	require.NoError(t, s.notices(t.Context()))
	text := string(s.files["LICENSES.txt"])
	for _, want := range []string{
		"NextQuill\n=", "Apache License", "WordNet 3.0 Copyright 2006", "Go's runtime", "The Go Authors", "idb",
		"fflate", "golang.org/x/text",
	} {
		require.Contains(t, text, want)
	}
	delete(s.files, "LICENSES.txt")
}

// firstLoadLimit is what a first visit may fetch, in bytes of brotli.
const firstLoadLimit = 1_150_000

// TestFirstLoad checks the limit on what a first visit fetches, the guest included, before the
// person agrees to fetch a model. TestFirstVisit checks in Chromium that a first visit fetches
// exactly these files.
func TestFirstLoad(t *testing.T) {
	t.Parallel() // with TestJourney: compression takes one core
	s := complete(t)
	total := 0
	for _, name := range sorted(s.files) {
		if s.first[name] {
			small, err := brotliBest(s.files[name])
			require.NoError(t, err)
			size := min(len(small), len(s.files[name]))
			total += size
			t.Logf("%8d  %s", size, name)
		}
	}
	t.Logf("%8d bytes in brotli, of %d", total, firstLoadLimit)
	require.LessOrEqual(t, total, firstLoadLimit, "the first load has grown past its limit; the sizes above say where")
}

// TestFirstVisit compares the requests of a first visit with the files that TestFirstLoad counts.
// The sample is fetched when it is used, and is then available offline.
func TestFirstVisit(t *testing.T) {
	p := openPage(t)
	s, err := built()
	require.NoError(t, err)
	fetched := func() map[string]bool {
		names := map[string]bool{}
		for _, r := range p.got.all() {
			name := strings.TrimPrefix(r.URL, "/some/folder/")
			if name == "" {
				name = "index.html"
			}
			names[name] = true
		}
		return names
	}
	p.until(`navigator.serviceWorker.controller !== null`)
	require.Eventually(t, func() bool { return len(fetched()) >= len(s.first) }, 20*time.Second, 100*time.Millisecond)
	require.Equal(t, s.first, fetched())

	sample := s.hashed["bierce.jsonl"]
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.True(t, fetched()[sample])
	p.server.CloseClientConnections()
	p.server.Close()
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/160 already here/.test(document.querySelector("#history-note").textContent)`)
}

// TestPackage checks package.json against the files of the package; scripts/package does what needs
// Node.
func TestPackage(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	var p struct {
		Exports map[string]json.RawMessage
		Files   []string
	}
	require.NoError(t, json.Unmarshal(s.files["lib/package.json"], &p))
	declarations, err := s.read("web/tsconfig.module.json")
	require.NoError(t, err)
	ships := func(name string) bool {
		for _, pattern := range append(p.Files, "package.json") {
			if ok, _ := path.Match(pattern, name); ok || strings.HasPrefix(name, pattern+"/") {
				return true
			}
		}
		return false
	}
	for entry, raw := range p.Exports {
		target := map[string]string{}
		if json.Unmarshal(raw, &target) != nil {
			var one string
			require.NoError(t, json.Unmarshal(raw, &one), entry)
			target["default"] = one
		}
		name := strings.TrimPrefix(target["default"], "./")
		require.True(t, ships(name), "%s: %s is packed", entry, name)
		if name != "nextquill.wasm" { // this site has no guest
			require.Contains(t, s.files, "lib/"+name, entry)
		}
		types := strings.TrimPrefix(target["types"], "./types/")
		if types != "" && !strings.HasSuffix(entry, "worker.js") {
			require.Contains(
				t,
				string(declarations),
				`"`+strings.TrimSuffix(types, ".d.ts")+`.ts"`,
				"%s: its declarations are made",
				entry,
			)
		}
	}
	require.Contains(t, s.files, "lib/LICENSE")
}
