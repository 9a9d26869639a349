package site

import (
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// maxPath bounds a request's path, in bytes. No file of a site has a longer one.
const maxPath = 1024

// Handler serves a site.
type Handler struct {
	// Files is the site itself.
	Files Source
	// Models, if set, has what lies below models/.
	Models Source
	// CrossOriginIsolation adds the COOP and COEP headers. Nothing in the product needs them.
	CrossOriginIsolation bool
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.setSecurityHeaders(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		h.fail(w, http.StatusMethodNotAllowed, "This site answers GET and HEAD only. It accepts no data.")
		return
	}
	name, ok := filePath(r.URL.Path)
	if !ok {
		h.notFound(w)
		return
	}
	source := h.Files
	if h.Models != nil && strings.HasPrefix(name, "models/") {
		source = h.Models
	}
	file, err := source.Find(r.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		h.notFound(w)
		return
	}
	if err != nil {
		h.fail(w, http.StatusServiceUnavailable, "The storage of this site does not answer. Try again.")
		return
	}
	h.send(w, r, source, file)
}

// filePath is the file that a path names: "" and "dir/" name their index.html. Paths with dot
// segments, empty segments, backslashes or control characters name none.
func filePath(requested string) (string, bool) {
	if len(requested) > maxPath || !strings.HasPrefix(requested, "/") {
		return "", false
	}
	for _, r := range requested {
		if r < ' ' || r == 0x7f || r == '\\' {
			return "", false
		}
	}
	if strings.HasSuffix(requested, "/") {
		requested += "index.html"
	}
	if path.Clean(requested) != requested {
		return "", false
	}
	return requested[1:], true
}

func (h Handler) send(w http.ResponseWriter, r *http.Request, source Source, file File) {
	header := w.Header()
	header.Set("Content-Type", contentType(file.Path))
	header.Set("Cache-Control", cacheControl(file))
	header.Set("Content-Security-Policy", PolicyOf(file.Path))
	setSharing(header, file.Path)

	form := file.identity()
	if len(file.Encodings) > 0 {
		header.Add("Vary", "Accept-Encoding")
		// A range is of the file without compression, so that the bytes mean the same to every
		// client.
		if r.Header.Get("Range") == "" {
			form = preferred(file, r.Header.Values("Accept-Encoding"))
		}
	}
	if strings.Contains(r.Header.Get("Range"), ",") {
		header.Set("Content-Range", "bytes */"+strconv.FormatInt(file.Size, 10))
		h.fail(w, http.StatusRequestedRangeNotSatisfiable, "Ask for one range at a time.")
		return
	}
	header.Set("ETag", file.etag(form))
	if form.Name != "" {
		header.Set("Content-Encoding", form.Name)
		header.Set("Content-Length", strconv.FormatInt(form.Size, 10))
	}
	body := &Body{ctx: r.Context(), source: source, name: file.Path + form.Suffix, size: form.Size}
	defer body.Close()
	// ServeContent has the rules of conditional and range requests (RFC 9110, sections 13 and 14).
	http.ServeContent(w, r, file.Path, time.Time{}, body)
}

func (h Handler) notFound(w http.ResponseWriter) {
	h.fail(w, http.StatusNotFound, "There is no file of this name on this site.")
}

// fail answers with a line of text that caches do not keep.
func (h Handler) fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the client may be gone
}
