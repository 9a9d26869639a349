// Command buildwasm builds what ships: the guest, core/ compiled to WASM.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type options struct {
	Out   string `default:"build/nextquill.wasm" help:"Where the guest goes, from the repository's root."`
	Quiet bool   `short:"q" help:"Print nothing when all is well."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("buildwasm"), kong.Description("Builds the guest (core/ compiled to WASM) and prints its size and hash."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "buildwasm:", err)
		os.Exit(1)
	}
}

// run makes the artifacts, one after the other.
func run(ctx context.Context, o options) error {
	a, err := buildGuest(ctx, o.Out)
	if err != nil {
		return err
	}
	if !o.Quiet {
		fmt.Println(a)
	}
	return nil
}
