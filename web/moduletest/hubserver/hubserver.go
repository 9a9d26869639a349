// Package hubserver is a server for tests with the URLs and headers of the Hugging Face hub. It
// sends small files itself, and redirects to a second server, of another origin, for large ones. It
// can fail in the ways in which servers and connections fail.
package hubserver

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// largeFile is the size in bytes from which the CDN sends a file. The hub decides by the file's
// name.
const largeFile = 10_000

// Hub is a hub with repositories of models.
type Hub struct {
	// URL is the hub's, and CDN that of the server of large files.
	URL, CDN string

	mu       sync.Mutex
	repos    map[string]*repository
	requests []string
	faults   Faults
	close    func()
}

// Faults are what goes wrong.
type Faults struct {
	// Cut maps names of files to the bytes after which the next answers with them break off.
	Cut map[string][]int
	// Wrong maps names of files to the offset of a byte that is wrong.
	Wrong map[string]int
	// FilesOnly makes the hub a mirror: it has no API.
	FilesOnly bool
	// NamesOnly makes the API list names of files without sizes and hashes.
	NamesOnly bool
	// NoRanges makes the CDN ignore ranges.
	NoRanges bool
	// NoCORS makes the CDN refuse pages of other origins.
	NoCORS bool
	// Down makes the hub break every connection.
	Down bool
	// Delay is the time before each 64 KiB of a large file, in milliseconds.
	Delay int
}

// repository is a model with its history.
type repository struct {
	commits map[string]map[string][]byte
	main    string
	// gated repositories refuse downloads, and private ones do not exist for others.
	gated, private bool
}

// New starts a hub without repositories.
func New() *Hub {
	h := &Hub{repos: map[string]*repository{}}
	api := httptest.NewServer(http.HandlerFunc(h.serve))
	cdn := httptest.NewServer(http.HandlerFunc(h.serveLarge))
	h.URL, h.CDN = api.URL, cdn.URL
	h.close = func() { api.Close(); cdn.Close() }
	return h
}

// Close stops the servers.
func (h *Hub) Close() { h.close() }

// Push makes files the newest commit of a repository, and returns the commit.
func (h *Hub) Push(id string, files map[string][]byte) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.repos[id]
	if r == nil {
		r = &repository{commits: map[string]map[string][]byte{}}
		h.repos[id] = r
	}
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\n", id, len(r.commits))
	r.main = hex.EncodeToString(sum.Sum(nil))
	r.commits[r.main] = maps.Clone(files)
	return r.main
}

// Restrict makes a repository gated or private.
func (h *Hub) Restrict(id string, gated, private bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[id].gated, h.repos[id].private = gated, private
}

// Fail sets what goes wrong from now on.
func (h *Hub) Fail(f Faults) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = f
}

// TakeRequests returns the requests since the last call, in order: method, path without query, and
// range.
func (h *Hub) TakeRequests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	requests := h.requests
	h.requests = nil
	return requests
}

// begin records a request, and sends the headers that let pages read the answer. It returns false
// if it has answered the request.
func (h *Hub) begin(w http.ResponseWriter, r *http.Request) (Faults, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.Down {
		panic(http.ErrAbortHandler)
	}
	h.requests = append(h.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	if r.Host == strings.TrimPrefix(h.CDN, "http://") && h.faults.NoCORS {
		return h.faults, true
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,"+
		"X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, HEAD")
		header.Set("Access-Control-Allow-Headers", "Range")
		w.WriteHeader(http.StatusNoContent)
		return h.faults, false
	}
	return h.faults, true
}

// serve answers as the hub: /api/models/OWNER/NAME/revision/REVISION and
// /OWNER/NAME/resolve/REVISION/FILE.
func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	faults, ok := h.begin(w, r)
	if !ok {
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, part := range parts {
		var err error
		if parts[i], err = url.PathUnescape(part); err != nil {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
	}
	switch {
	case len(parts) == 6 && parts[0] == "api" && parts[1] == "models" && parts[4] == "revision" && !faults.FilesOnly:
		h.info(w, faults, parts[2]+"/"+parts[3], parts[5])
	case len(parts) > 4 && parts[2] == "resolve":
		h.resolve(w, r, faults, parts[0]+"/"+parts[1], parts[3], strings.Join(parts[4:], "/"))
	default:
		http.NotFound(w, r)
	}
}

// find returns the commit of a revision and its files, or answers with the hub's error.
func (h *Hub) find(w http.ResponseWriter, id, revision string) (*repository, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.repos[id]
	if r == nil || r.private {
		refuse(w, http.StatusUnauthorized, "RepoNotFound", "Invalid username or password.")
		return nil, ""
	}
	if revision == "main" {
		revision = r.main
	}
	if r.commits[revision] == nil {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return nil, ""
	}
	return r, revision
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	http.Error(w, message, status)
}

func (h *Hub) info(w http.ResponseWriter, faults Faults, id, revision string) {
	r, commit := h.find(w, id, revision)
	if r == nil {
		return
	}
	var siblings []map[string]any
	files := r.commits[commit]
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		s := map[string]any{"rfilename": name, "size": len(data), "blobId": gitHash(data)}
		if len(data) >= largeFile {
			s["lfs"] = map[string]any{"sha256": sha(data), "size": len(data), "pointerSize": 133}
		}
		if faults.NamesOnly {
			s = map[string]any{"rfilename": name}
		}
		siblings = append(siblings, s)
	}
	info := map[string]any{"id": id, "modelId": id, "sha": commit, "private": false, "gated": false,
		"tags": []string{}, "siblings": siblings}
	if r.gated {
		info["gated"] = "manual"
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(info) // the client may be gone
}

func (h *Hub) resolve(w http.ResponseWriter, r *http.Request, faults Faults, id, revision, name string) {
	repo, commit := h.find(w, id, revision)
	if repo == nil {
		return
	}
	header := w.Header()
	header.Set("X-Repo-Commit", commit)
	if repo.gated {
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to model "+id+" is restricted.")
		return
	}
	data, ok := repo.commits[commit][name]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	if len(data) < largeFile {
		header.Set("ETag", strconv.Quote(gitHash(data)))
		h.send(w, r, faults, name, data)
		return
	}
	header.Set("X-Linked-Etag", strconv.Quote(sha(data)))
	header.Set("X-Linked-Size", strconv.Itoa(len(data)))
	target := fmt.Sprintf("%s/repos/%s/%s/%s?signature=%d", h.CDN, id, commit, name, time.Now().UnixNano())
	http.Redirect(w, r, target, http.StatusFound)
}

// serveLarge answers as the CDN: /repos/OWNER/NAME/COMMIT/FILE.
func (h *Hub) serveLarge(w http.ResponseWriter, r *http.Request) {
	faults, ok := h.begin(w, r)
	if !ok {
		return
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/repos/"), "/", 4)
	h.mu.Lock()
	var data []byte
	if repo := h.repos[path.Join(parts[:min(2, len(parts))]...)]; repo != nil && len(parts) == 4 {
		data = repo.commits[parts[2]][parts[3]]
	}
	h.mu.Unlock()
	if data == nil || r.URL.Query().Get("signature") == "" {
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", strconv.Quote("cdn-"+gitHash(data)[:32]))
	if faults.NoRanges {
		r.Header.Del("Range")
	}
	h.send(w, r, faults, parts[3], data)
}

// send sends a file, with the faults that are set for it.
func (h *Hub) send(w http.ResponseWriter, r *http.Request, faults Faults, name string, data []byte) {
	if at, ok := faults.Wrong[name]; ok {
		data = bytes.Clone(data)
		data[at] ^= 1
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(h.slowly(w, r, faults, name), r, name, time.Time{}, bytes.NewReader(data))
}

// slowly returns a writer with the delay, and with the next cut of the file.
func (h *Hub) slowly(w http.ResponseWriter, r *http.Request, faults Faults, name string) http.ResponseWriter {
	h.mu.Lock()
	defer h.mu.Unlock()
	cuts := h.faults.Cut[name]
	// The first bytes of a file, which tell its type, are requested apart.
	if len(cuts) == 0 || r.Method == http.MethodHead || r.Header.Get("Range") == "bytes=0-65535" {
		return &faultyWriter{ResponseWriter: w, left: -1, delay: faults.Delay}
	}
	h.faults.Cut[name] = cuts[1:]
	return &faultyWriter{ResponseWriter: w, left: cuts[0], delay: faults.Delay}
}

// faultyWriter breaks the connection after `left` bytes, unless it is negative.
type faultyWriter struct {
	http.ResponseWriter
	left, delay int
}

// Write implements io.Writer.
func (w *faultyWriter) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, 64<<10) {
		time.Sleep(time.Duration(w.delay) * time.Millisecond)
		if w.left >= 0 && len(part) > w.left {
			_, _ = w.ResponseWriter.Write(part[:w.left])
			_ = http.NewResponseController(w.ResponseWriter).Flush()
			time.Sleep(300 * time.Millisecond) // at the break the browser drops what the page has not read yet
			panic(http.ErrAbortHandler)
		}
		m, err := w.ResponseWriter.Write(part)
		n += m
		if w.left >= 0 {
			w.left -= m
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Files returns all files of a folder.
func Files(folder fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	return files, fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[name], err = fs.ReadFile(folder, name)
		}
		return err
	})
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// gitHash is the hash of a file as Git's blob.
func gitHash(data []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
