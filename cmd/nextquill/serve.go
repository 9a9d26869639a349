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
	Site string `group:"serving" placeholder:"DIR" default:"dist" help:"The static site, as make site writes it."`
	Addr string `group:"serving" default:"127.0.0.1:8080" help:"Where to listen. Port 0 takes a free one."`
}

func (serveCmd) Help() string {
	return `Serves the page on this machine and prints its address. It needs no server of this kind: the same folder works from any static host.

  nextquill serve --addr 127.0.0.1:0`
}

// contentPolicy lets the page load its own files and reach nothing else. 'wasm-unsafe-eval' compiles WASM; it allows no eval.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types nextquill nextquill-page"

// Run serves until it is interrupted.
func (c serveCmd) Run(ctx context.Context, a *app) error {
	if _, err := os.Stat(filepath.Join(c.Site, "index.html")); err != nil {
		return fault.New(fault.Missing, c.Site, "", "there is no site here").WithCause(err).
			WithRemedy("run make site first, or name its folder with --site")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fault.New(fault.Unsupported, c.Addr, "", "it cannot listen").WithCause(err).WithRemedy("choose another address with --addr")
	}
	server := &http.Server{Handler: siteHandler{c.Site}, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(a.stdout, "http://%s/\n", listener.Addr())
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(grace) // what is still open after that may break off
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// siteHandler serves a folder's files, in the compressed form that lies beside them where the browser takes it.
type siteHandler struct{ dir string }

// types has what mime.TypeByExtension may take from the machine instead.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".jsonl": "application/jsonl", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
	".md": "text/plain; charset=utf-8", ".svg": "image/svg+xml", ".safetensors": "application/octet-stream",
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
	if strings.HasPrefix(name, "assets/") { // their names change with their content
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	root, err := os.OpenRoot(h.dir) // names cannot leave the folder, not by links either; a site that is built anew is another folder
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

// accepts tells whether the browser takes the encoding. Ranges are of the plain file.
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

// send serves one file; false says that it is not there.
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
