package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"nextquill/core/fault"
)

type serveCmd struct {
	Site string `group:"serving" placeholder:"DIR" default:"dist" help:"Folder of the static site, as written by make site."`
	Addr string `group:"serving" default:"127.0.0.1:8080" help:"Address to listen on. Port 0 selects a free port."`
}

func (serveCmd) Help() string {
	return `Serves the browser version on this machine and prints its address. Any static host can serve
the same folder.

  nextquill serve --addr 127.0.0.1:0`
}

// contentPolicy only allows the page to load its own files. 'wasm-unsafe-eval' allows compiling
// WASM, but not eval.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
	"connect-src 'self'; img-src 'self' data:; style-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types nextquill nextquill-page"

// Run serves until it is interrupted.
func (c serveCmd) Run(ctx context.Context, a *app) error {
	if _, err := os.Stat(filepath.Join(c.Site, "index.html")); err != nil {
		return fault.New(fault.Missing, c.Site, "", "there is no site in this folder").WithCause(err).
			WithRemedy("run make site first, or set the folder with --site")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fault.New(fault.Unsupported, c.Addr, "", "cannot listen on this address").WithCause(err).
			WithRemedy("choose another address with --addr")
	}
	server := &http.Server{Handler: siteHandler{c.Site}, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(a.stdout, "http://%s/\n", listener.Addr())
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(grace) // connections that are still open are closed
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// siteHandler serves a folder's files, in compressed form if there is one and the browser accepts
// it.
type siteHandler struct{ dir string }

// types replaces mime.TypeByExtension, which depends on the machine.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".jsonl": "application/jsonl", ".wasm": "application/wasm",
	".txt": "text/plain; charset=utf-8",
	".md":  "text/plain; charset=utf-8", ".svg": "image/svg+xml", ".safetensors": "application/octet-stream",
}

func (h siteHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	header := w.Header()
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // names contain a hash of the content
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	// A root, because names and links must not leave the folder. It is opened for each request,
	// because a rebuild replaces the folder.
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer root.Close()
	for _, form := range [...]struct{ encoding, ext string }{{"br", ".br"}, {"gzip", ".gz"}, {"", ""}} {
		if !accepts(r, form.encoding) {
			continue
		}
		if send(w, r, root, name, form.encoding, form.ext) {
			return
		}
	}
	http.NotFound(w, r)
}

// accepts reports whether the browser accepts the encoding. Range requests get the uncompressed
// file.
func accepts(r *http.Request, encoding string) bool {
	if encoding == "" {
		return true
	}
	if r.Header.Get("Range") != "" {
		return false
	}
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		token, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(token), encoding) {
			return strings.Trim(strings.ReplaceAll(weight, " ", ""), "q=0.") != "" || strings.TrimSpace(weight) == ""
		}
	}
	return false
}

// send serves one file. It returns false if the file does not exist.
func send(w http.ResponseWriter, r *http.Request, root *os.Root, name, encoding, ext string) bool {
	file, err := root.Open(filepath.FromSlash(name) + ext)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if kind, known := types[path.Ext(name)]; known {
		header.Set("Content-Type", kind)
	}
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	http.ServeContent(w, r, name, info.ModTime(), file)
	return true
}
