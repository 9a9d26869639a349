// Command buildwasm builds what ships: the guest, which is core/ compiled to WASM, and the static site around it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type options struct {
	Guest guestCmd `cmd:"" default:"withargs" help:"Build the guest (core/ compiled to WASM) and print its size and hash."`
	Site  siteCmd  `cmd:"" help:"Build the guest, bundle web/, and write a static site."`
}

func main() {
	var o options
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&o, kong.Name("buildwasm"), kong.Description("Builds what ships."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "buildwasm:", err)
		os.Exit(1)
	}
}

type guestCmd struct {
	Out   string `default:"build/nextquill.wasm" help:"Where the guest goes, from the repository's root."`
	Quiet bool   `short:"q" help:"Print nothing when all is well."`
}

// Run builds the guest.
func (c guestCmd) Run(ctx context.Context) error {
	a, err := buildGuest(ctx, c.Out)
	if err != nil {
		return err
	}
	if !c.Quiet {
		fmt.Println(a)
	}
	return nil
}
