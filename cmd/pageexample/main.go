// Command pageexample makes the example at the top of the page, web/page/example.json. It trains
// the embedded model on the sample writer with the settings of the page, tests it on the held-out
// texts, and explains one of them. Nothing is chosen by hand: of the held-out texts with at most
// maxWords words, it takes the one with the largest share of words that the earlier texts made
// likelier.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/alecthomas/kong"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/models"
	"nextquill/samples"
	"nextquill/wasm/guest"
	"nextquill/wasm/host"
)

type options struct {
	Out string `help:"Output file, relative to the repository." default:"web/page/example.json"`
}

func main() {
	var o options
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&o, kong.Name("pageexample"),
		kong.Description("Makes the example at the top of the page with a real training run."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "pageexample:", err)
		os.Exit(1)
	}
}

// Run trains, and writes the example.
func (o options) Run(ctx context.Context) error {
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	files, err := inputs()
	if err != nil {
		return err
	}
	wasm, err := host.LoadGuest("")
	if err != nil {
		return err
	}
	store := blob.NewMem(files)
	h, err := host.Open(ctx, host.NewConfig().WithGuest(wasm).WithBlobs(store))
	if err != nil {
		return err
	}
	defer h.Close()
	e, err := (&run{host: h, files: store}).example(ctx)
	if err != nil {
		return err
	}
	text, err := e.Encode()
	if err != nil {
		return err
	}
	out := filepath.Join(root, filepath.FromSlash(o.Out))
	fmt.Printf("%s  %d bytes; unseen texts: %.3f → %.3f nats per token\n", o.Out, len(text), e.Unseen.Before,
		e.Unseen.After)
	return os.WriteFile(out, text, 0o644)
}

// The folders and blobs of the run.
const (
	modelFolder   = "model"
	adapterFolder = "adapter"
	history       = "history.jsonl"
	heldout       = "heldout.jsonl"
)

// inputs are the embedded model and the texts of the sample writer, as blobs.
func inputs() (map[string][]byte, error) {
	files := map[string][]byte{}
	for folder, from := range map[string]fs.FS{modelFolder + "/": models.DefaultFS(), "": samples.Bierce()} {
		err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files[folder+name], err = fs.ReadFile(from, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// maxWords bounds the text of the example.
const maxWords = 32

// strong is the smallest effect that counts as one of the earlier texts: the second shade.
func strong() float64 { return causal.ShadeLevels()[1] }
