//go:build js && wasm

package main

import (
	"io"
	"net/http"
	"syscall/js"

	"nextquill/edge/site"
)

// rawBody is what the response writer of syumai/workers offers: a JavaScript value as the body.
type rawBody interface{ WriteRawJSBody(body js.Value) }

// response hands stored streams over to the runtime, so that the bytes of a file do not pass
// through Go, and gives a HEAD answer no body: the runtime would wait for the bytes of its
// Content-Length.
type response struct {
	http.ResponseWriter
	raw rawBody
}

func newResponse(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	raw, ok := w.(rawBody)
	if !ok {
		return w
	}
	if r.Method == http.MethodHead {
		raw.WriteRawJSBody(js.Null())
		return w
	}
	return response{w, raw}
}

// ReadFrom implements io.ReaderFrom, which http.ServeContent uses for bodies.
func (w response) ReadFrom(source io.Reader) (int64, error) {
	if limited, ok := source.(*io.LimitedReader); ok {
		if body, ok := limited.R.(*site.Body); ok && limited.N == body.Remaining() {
			opened, err := body.Stored()
			if err != nil {
				return 0, err
			}
			if s, ok := opened.(*stream); ok {
				if readable, ok := s.handOver(); ok {
					w.raw.WriteRawJSBody(readable)
					return limited.N, nil
				}
			}
		}
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, source)
}
