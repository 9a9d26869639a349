// Package samples embeds the sample writers.
package samples

import (
	"embed"
	"io/fs"
)

//go:embed bierce/history.jsonl bierce/heldout.jsonl
var files embed.FS

// Bierce is the sample writer Ambrose Bierce (The Devil's Dictionary): history.jsonl to train on,
// and heldout.jsonl, whose items are all newer, to evaluate on.
func Bierce() fs.FS {
	sub, err := fs.Sub(files, "bierce")
	if err != nil {
		panic(err) // only an invalid path can fail, and this one is constant
	}
	return sub
}
