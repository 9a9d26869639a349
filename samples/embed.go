// Package samples holds the sample writers that ship with the program.
package samples

import (
	"embed"
	"io/fs"
)

//go:embed bierce/history.jsonl bierce/heldout.jsonl
var files embed.FS

// Bierce is Ambrose Bierce, The Devil's Dictionary: history.jsonl to learn from, and
// heldout.jsonl, whose items are all later in time, to judge by.
func Bierce() fs.FS {
	sub, err := fs.Sub(files, "bierce")
	if err != nil {
		panic(err) // only an invalid path fails, and this one is constant
	}
	return sub
}
