package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
)

// client sends Accept-Encoding as it is told and does not decompress.
var client = &http.Client{
	Timeout:   time.Minute,
	Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request; header has names and values in turns.
func ask(ctx context.Context, method, url string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}

// plainBody undoes the answer's Content-Encoding.
func (a answer) plainBody() ([]byte, error) {
	switch a.header.Get("Content-Encoding") {
	case "":
		return a.body, nil
	case "br":
		return io.ReadAll(brotli.NewReader(bytes.NewReader(a.body)))
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(a.body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	return nil, fmt.Errorf("an encoding that nobody asked for: %s", a.header.Get("Content-Encoding"))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func everyFile(ctx context.Context, f *fixture) (string, error) {
	requests := 0
	for _, name := range slices.Sorted(maps.Keys(f.manifest)) {
		file := f.manifest[name]
		for _, accept := range []string{"identity", "gzip", "br", "gzip;q=1, br;q=0"} {
			a, err := ask(ctx, "GET", f.worker.URL+"/"+name, "Accept-Encoding", accept)
			if err != nil {
				return "", err
			}
			requests++
			plain, err := a.plainBody()
			if err != nil {
				return "", fmt.Errorf("%s (%s): %w", name, accept, err)
			}
			encoding := a.header.Get("Content-Encoding")
			refused := accept == "gzip;q=1, br;q=0" && encoding == "br"
			if refused || encoding != "" && !strings.Contains(accept, encoding) {
				return "", fmt.Errorf("%s: %q was accepted, and %q came", name, accept, encoding)
			}
			if a.status != 200 || hash(plain) != file.SHA256 {
				return "", fmt.Errorf("%s (%s): status %d, SHA-256 %s, not %s",
					name, accept, a.status, hash(plain), file.SHA256)
			}
			if !strings.HasPrefix(a.header.Get("ETag"), `"`+file.SHA256) || a.header.Get("Set-Cookie") != "" {
				return "", fmt.Errorf("%s: headers %v", name, a.header)
			}
		}
	}
	return fmt.Sprintf("%d files, %d requests", len(f.manifest), requests), nil
}

// expect is one request and the status that it must have.
type expect struct {
	status int
	method string
	target string
	header []string
	body   []byte // nil: not compared
}

func (f *fixture) all(ctx context.Context, list []expect) (string, error) {
	for _, e := range list {
		a, err := ask(ctx, e.method, f.worker.URL+e.target, e.header...)
		if err != nil {
			return "", fmt.Errorf("%s %s %q: %w", e.method, e.target, e.header, err)
		}
		if a.status != e.status || e.body != nil && !bytes.Equal(a.body, e.body) {
			return "", fmt.Errorf("%s %s %q: status %d, not %d; %d bytes",
				e.method, e.target, e.header, a.status, e.status, len(a.body))
		}
	}
	return fmt.Sprintf("%d requests", len(list)), nil
}

func rangesAndConditions(ctx context.Context, f *fixture) (string, error) {
	const name = "model/model.gguf"
	data, err := os.ReadFile(filepath.Join(f.dist, name))
	if err != nil {
		return "", err
	}
	tag := `"` + f.manifest[name].SHA256 + `"`
	n := len(data)
	return f.all(ctx, []expect{
		{206, "GET", "/" + name, []string{"Range", "bytes=0-99"}, data[:100]},
		{206, "GET", "/" + name, []string{"Range", fmt.Sprintf("bytes=%d-", n-7)}, data[n-7:]},
		{206, "GET", "/" + name, []string{"Range", "bytes=-9"}, data[n-9:]},
		{206, "GET", "/" + name, []string{"Range", "bytes=1000000-2999999"}, data[1000000:3000000]},
		{206, "HEAD", "/" + name, []string{"Range", "bytes=0-99"}, nil},
		{416, "GET", "/" + name, []string{"Range", fmt.Sprintf("bytes=%d-", n)}, nil},
		{416, "GET", "/" + name, []string{"Range", "bytes=0-1,5-6"}, nil},
		{304, "GET", "/" + name, []string{"If-None-Match", tag}, nil},
		{304, "HEAD", "/" + name, []string{"If-None-Match", "W/" + tag}, nil},
		{304, "GET", "/" + name, []string{"If-None-Match", `"other", ` + tag}, nil},
		{200, "GET", "/" + name, []string{"If-None-Match", `"other"`}, data},
		{206, "GET", "/" + name, []string{"Range", "bytes=0-1", "If-Range", tag}, data[:2]},
		{200, "GET", "/" + name, []string{"Range", "bytes=0-1", "If-Range", `"other"`}, data},
		{200, "HEAD", "/" + name, nil, []byte{}},
	})
}

func methods(ctx context.Context, f *fixture) (string, error) {
	var list []expect
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for name := range f.manifest {
			list = append(list, expect{405, method, "/" + name, nil, nil})
		}
		list = append(list, expect{405, method, "/", nil, nil}, expect{405, method, "/api/texts", nil, nil})
	}
	return f.all(ctx, list)
}

// hostileRequests sends paths and headers that no client sends. None may give a 5xx answer, or
// bytes of a file that is not listed.
func hostileRequests(ctx context.Context, f *fixture) (string, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	parts := []string{
		"..", ".", "", "lib", "model", "models", "tiny", "%2e%2e", "%2F", "%5c", "%00", "index.html", "manifest.json",
		"private.txt", "index.html.br", "wrangler.toml", "%ff%fe", strings.Repeat("a", 500), "assets", "?", "#x",
	}
	values := []string{
		"bytes=0-", "bytes=-0", "bytes=--1", "bytes=9999999999999999999-", "bytes=0-0,1-1", "bytes=1-0", "", "*",
		`"`, `W/"x"`, "br;q=", "gzip;q=9", "identity;q=0", strings.Repeat("x,", 900), "\t", "bytes = 0-1", "*;q=0",
	}
	const requests = 400
	for range requests {
		path := ""
		for range 1 + rng.IntN(5) {
			path += "/" + pick(parts)
		}
		header := []string{
			"Range", pick(values), "If-None-Match", pick(values),
			"Accept-Encoding", pick(values), "If-Range", pick(values),
		}
		a, err := ask(ctx, pick([]string{"GET", "HEAD", "GET"}), f.worker.URL+path, header...)
		if err != nil {
			return "", fmt.Errorf("%s %q: %w", path, header, err)
		}
		if a.status >= 500 || bytes.Contains(a.body, []byte("not listed")) {
			return "", fmt.Errorf("%s %q: status %d", path, header, a.status)
		}
	}
	return fmt.Sprintf("%d requests, none with a 5xx answer", requests), nil
}

func bucketModel(ctx context.Context, f *fixture) (string, error) {
	const shard = "/" + modelFolder + "/model.gguf.000"
	return f.all(ctx, []expect{
		{200, "GET", "/" + modelFolder + "/manifest.json", nil, nil},
		{200, "GET", shard, nil, modelShard},
		{206, "GET", shard, []string{"Range", "bytes=1048570-1048579"}, modelShard[1048570:1048580]},
		{206, "GET", shard, []string{"Range", "bytes=-5"}, modelShard[len(modelShard)-5:]},
		{416, "GET", shard, []string{"Range", "bytes=3145728-"}, nil},
		{304, "GET", shard, []string{"If-None-Match", `"` + hash(modelShard) + `"`}, nil},
		{200, "HEAD", shard, nil, []byte{}},
		{404, "GET", "/" + modelFolder + "/private.txt", nil, nil},
		{404, "GET", "/" + modelFolder + "/model.gguf", nil, nil},
		{404, "GET", "/models/none/manifest.json", nil, nil},
		{405, "PUT", shard, nil, nil},
	})
}
