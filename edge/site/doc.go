// Package site serves the static site over HTTP. The same handler runs in `nextquill serve` and in
// the Cloudflare Worker (edge/worker). It reads files through a Source, answers GET and HEAD only,
// and accepts no data.
//
// Every file that it serves is listed in a manifest with its size and SHA-256. The SHA-256 is the
// strong ETag. Files that are not listed do not exist.
package site
