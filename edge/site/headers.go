package site

import (
	"net/http"
	"path"
	"strings"
)

// ContentPolicy lets the page load its own files and reach nothing else. 'wasm-unsafe-eval'
// compiles WASM and allows no eval.
const ContentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
	"connect-src 'self'; img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types nextquill nextquill-page"

// ModelServers are the servers of models that the page for downloads may reach: the Hugging Face
// hub, and those to which it redirects.
const ModelServers = "https://huggingface.co https://*.hf.co"

// downloadPage is the page that may reach the servers of models. It shows no texts.
const downloadPage = "download.html"

// PolicyOf returns the policy of a file.
func PolicyOf(name string) string {
	if name != downloadPage {
		return ContentPolicy
	}
	return strings.Replace(ContentPolicy, "connect-src 'self'", "connect-src 'self' "+ModelServers, 1)
}

// permissions switches off what the page never uses.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
	"magnetometer=(), microphone=(), midi=(), payment=(), usb=()"

func (h Handler) setSecurityHeaders(header http.Header) {
	header.Set("Content-Security-Policy", ContentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Permissions-Policy", permissions)
	if h.CrossOriginIsolation {
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Embedder-Policy", "require-corp")
	}
}

// setSharing lets pages of other origins load the module and the weights. The page itself is not
// shared.
func setSharing(header http.Header, name string) {
	for _, prefix := range []string{"lib/", "lib@", "model/", "models/", "assets/"} {
		if strings.HasPrefix(name, prefix) {
			header.Set("Access-Control-Allow-Origin", "*")
			header.Set("Access-Control-Expose-Headers",
				"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag")
			header.Set("Cross-Origin-Resource-Policy", "cross-origin")
			return
		}
	}
}

func cacheControl(f File) string {
	if f.Immutable {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache" // kept, but asked for again by its ETag
}

// contentType is by the file's extension: the machine's own table may differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".jsonl":
		return "application/jsonl"
	case ".wasm":
		return "application/wasm"
	case ".txt", ".md", ".ts":
		return "text/plain; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}
