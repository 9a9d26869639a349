package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/models/manifest"
	"nextquill/samples"
	"nextquill/wasm/guest"
	"nextquill/web/bundle"
)

type siteCmd struct {
	Out   string `default:"dist" help:"Output folder, relative to the repository. Its content is replaced."`
	Quiet bool   `short:"q" help:"Print errors only."`
}

// Run writes the site. All its URLs are relative, so that it works in any folder of any static
// host.
func (c siteCmd) Run(ctx context.Context) error {
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	wasm, err := buildGuest(ctx, guest.Ships, "build/nextquill.wasm")
	if err != nil {
		return err
	}
	imports, err := buildGuest(ctx, guest.Import, importModule)
	if err != nil {
		return err
	}
	tests, err := buildGuest(ctx, guest.Test, "build/nextquill-test.wasm")
	if err != nil {
		return err
	}
	s := newSite(root)
	for _, stage := range []func() error{
		func() error { return s.modules(wasm.path, imports.path) },
		func() error { return s.model(ctx) },
		s.sample,
		s.scripts,
		func() error { return s.benchPage(tests.path) },
		func() error { return s.notices(ctx) },
	} {
		if err := stage(); err != nil {
			return err
		}
	}
	out := c.Out
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	m, err := s.write(out)
	if err == nil && !c.Quiet {
		fmt.Printf("%s  %d files. First load without weights: %d bytes in brotli (%d in gzip); weights: %.1f MiB\n",
			c.Out, len(m.Files), m.FirstLoad.Brotli, m.FirstLoad.Gzip, mib(m.FirstLoad.Weights))
		fmt.Printf("Import module, fetched when files are chosen: %d bytes in brotli\n", m.brotli(s.hashed[importFile]))
		fmt.Printf("Subresource Integrity, also in lib/%s:\n%s", integrityName, s.files["lib/"+integrityName])
	}
	return err
}

// site collects the files in memory: a few megabytes.
type site struct {
	root   string
	files  map[string][]byte
	hashed map[string]string // name without the hash → path
	first  map[string]bool   // files that a first visit fetches, before the user downloads the model

	packages map[string]string // npm package that is part of a bundle → its folder
}

func newSite(root string) *site {
	return &site{
		root: root, files: map[string][]byte{}, hashed: map[string]string{}, first: map[string]bool{},
		packages: map[string]string{},
	}
}

// add adds a file with a fixed path.
func (s *site) add(name string, data []byte) { s.files[name] = data }

// addHashed adds a file below assets/ with a name that changes with its content, so that it may be
// cached forever.
func (s *site) addHashed(name string, data []byte) string {
	ext := path.Ext(name)
	full := fmt.Sprintf("assets/%s-%s%s", strings.TrimSuffix(name, ext), sum(data)[:10], ext)
	s.hashed[name] = full
	s.files[full] = data
	return full
}

func (s *site) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, fault.New(fault.Missing, name, "", "a source of the site is missing").
			WithCause(err).WithRemedy("run this in a complete checkout")
	}
	return data, nil
}

// size returns the total size of the files with this prefix.
func (s *site) size(prefix string) (n int64) {
	for name, data := range s.files {
		if strings.HasPrefix(name, prefix) {
			n += int64(len(data))
		}
	}
	return n
}

// Files that are fetched when they are needed. importFile and importWorker read people's files.
const (
	importFile   = "nextquill-import.wasm"
	importWorker = "import-worker.js"
	// hubScript finds models that are not folders of a site.
	hubScript = "hub.js"
)

// lazyPage are the scripts that the page imports when they are needed.
var lazyPage = []string{"models.js", "budget.js"}

// modules adds the guest and the import module.
func (s *site) modules(guest, imports string) error {
	for built, add := range map[string]func([]byte){guest: s.addGuest, imports: s.addImport} {
		data, err := os.ReadFile(built)
		if err != nil {
			return err
		}
		add(data)
	}
	return nil
}

// addGuest adds the guest for the page, and for the npm package.
func (s *site) addGuest(wasm []byte) {
	s.addHashed("nextquill.wasm", wasm)
	s.lib("nextquill.wasm", wasm)
}

// addImport adds the import module, like addGuest.
func (s *site) addImport(wasm []byte) {
	s.addHashed(importFile, wasm)
	s.lib(importFile, wasm)
}

// model adds the embedded model below model/, with the manifest against which the module checks it.
func (s *site) model(ctx context.Context) error {
	store := blob.FromFS(models.DefaultFS())
	names, err := store.List(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := fs.ReadFile(models.DefaultFS(), name)
		if err != nil {
			return err
		}
		s.add("model/"+name, data)
	}
	m, err := manifest.Of(ctx, "default", store, names, nil)
	s.add("model/"+manifest.FileName, m.Encode())
	return err
}

func (s *site) sample() error {
	data, err := fs.ReadFile(samples.Bierce(), "history.jsonl")
	if err != nil {
		return err
	}
	s.addHashed("bierce.jsonl", data)
	return nil
}

// scripts bundles web/ and replaces the source paths in the pages.
func (s *site) scripts() error {
	worker, err := s.bundle(bundle.Worker, nil)
	if err != nil {
		return err
	}
	s.addHashed("worker.js", worker.JS)
	s.lib("worker.js", worker.JS)
	reader, err := s.bundle(bundle.ImportWorker, nil)
	if err != nil {
		return err
	}
	s.addHashed(importWorker, reader.JS)
	s.lib(importWorker, reader.JS)
	hub, err := s.bundle(bundle.Hub, nil)
	if err != nil {
		return err
	}
	s.addHashed(hubScript, hub.JS)
	s.lib(hubScript, hub.JS)
	for entry, name := range map[string]string{bundle.Module: "nextquill.js", bundle.Element: "element.js"} {
		b, err := s.bundle(entry, nil)
		if err != nil {
			return err
		}
		s.lib(name, b.JS)
	}
	if err := s.npm(); err != nil {
		return err
	}
	if err := s.versions(); err != nil {
		return err
	}
	assets, err := json.Marshal(map[string]any{
		"worker": s.hashed["worker.js"], "guest": s.hashed["nextquill.wasm"], "sample": s.hashed["bierce.jsonl"],
		"guestSHA256": sum(s.files[s.hashed["nextquill.wasm"]]), "model": "model/", "serviceWorker": "sw.js",
		"importWorker": s.hashed[importWorker], "importModule": s.hashed[importFile],
		"importSHA256": sum(s.files[s.hashed[importFile]]),
		"sizes":        map[string]int64{"guest": s.size(s.hashed["nextquill.wasm"]), "model": s.size("model/")},
	})
	if err != nil {
		return err
	}
	for _, name := range lazyPage {
		source := "page/lazy/" + strings.TrimSuffix(name, ".js") + ".ts"
		b, err := s.bundle(source, map[string]string{"ASSETS": string(assets)})
		if err != nil {
			return err
		}
		s.addHashed(name, b.JS)
	}
	page, err := s.bundle("page/main.ts", map[string]string{"ASSETS": string(assets)})
	if err != nil {
		return err
	}
	download, err := s.bundle("page/download.ts", map[string]string{"ASSETS": string(assets)})
	if err != nil {
		return err
	}
	style, err := s.bundle("page/page.css", nil)
	if err != nil {
		return err
	}
	pageScript, pageStyle := s.addHashed("page.js", page.JS), s.addHashed("page.css", style.CSS)
	err = s.document("index.html", "index.html", map[string]string{
		"web/page/main.ts": pageScript, "web/page/page.css": pageStyle,
	})
	if err != nil {
		return err
	}
	err = s.document("web/page/download.html", "download.html", map[string]string{
		"web/page/download.ts": s.addHashed("download.js", download.JS), "web/page/page.css": pageStyle,
	})
	if err != nil {
		return err
	}
	return s.serviceWorker()
}

// document adds the page of a source file under a name, with the paths of built files instead of
// those of their sources.
func (s *site) document(file, name string, built map[string]string) error {
	html, err := s.read(file)
	if err != nil {
		return err
	}
	for source, target := range built {
		if !bytes.Contains(html, []byte(`"`+source+`"`)) {
			return fault.New(fault.Malformed, file, "", "it does not load %q", source).
				WithRemedy("use the same paths in cmd/buildwasm and %s", file)
		}
		html = bytes.ReplaceAll(html, []byte(`"`+source+`"`), []byte(`"`+target+`"`))
	}
	s.add(name, html)
	return nil
}

// lib adds a file of the npm package, which other sites may also load from here.
func (s *site) lib(name string, data []byte) {
	s.add("lib/"+name, data)
}

// npm adds the other files of the npm package.
func (s *site) npm() error {
	for from, to := range map[string]string{
		"web/npm/package.json":             "package.json",
		"web/npm/README.md":                "README.md",
		"web/element/custom-elements.json": "custom-elements.json",
		"LICENSE":                          "LICENSE",
	} {
		data, err := s.read(from)
		if err != nil {
			return err
		}
		s.lib(to, data)
	}
	return nil
}

// serviceWorker adds the service worker with the list of files that later visits need. The module
// stores the weights; the sample and what reads files are cached when they are used.
func (s *site) serviceWorker() error {
	shell := []string{"./", "model/manifest.json"}
	later := []string{
		s.hashed["bierce.jsonl"], s.hashed[importWorker], s.hashed[importFile], s.hashed[hubScript],
		s.hashed["download.js"],
	}
	for _, name := range lazyPage {
		later = append(later, s.hashed[name])
	}
	s.first["index.html"], s.first["sw.js"], s.first["model/manifest.json"] = true, true, true
	var all []byte
	for _, name := range sorted(s.files) {
		if strings.HasPrefix(name, "assets/") && !slices.Contains(later, name) {
			shell = append(shell, name)
			s.first[name] = true
		}
		all = append(all, sum(s.files[name])...)
	}
	list, err := json.Marshal(shell)
	if err != nil {
		return err
	}
	b, err := s.bundle("page/sw.ts", map[string]string{"SHELL": string(list), "VERSION": `"` + sum(all)[:10] + `"`})
	if err != nil {
		return err
	}
	s.add("sw.js", b.JS)
	return nil
}
