// Command buildwasm builds what ships: the guest, which is core/ compiled to WASM, and the static
// site around it. It also builds the test guest, which does not ship.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"nextquill/wasm/guest"
)

type options struct {
	Guest guestCmd `cmd:"" default:"withargs" help:"Build the guest (core/ as WASM); print size and hash."`
	Site  siteCmd  `cmd:"" help:"Build the guest, bundle web/, and write a static site."`
}

func main() {
	var o options
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&o, kong.Name("buildwasm"), kong.Description("Builds the guest and the site."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "buildwasm:", err)
		os.Exit(1)
	}
}

type guestCmd struct {
	Out    string `help:"Output file; default: build/nextquill.wasm, or the same with -test or -import." placeholder:"FILE"`
	Test   bool   `help:"Build the test guest, which also has the kernel cases and the host conformance suite." xor:"pkg"`
	Import bool   `help:"Build the import module, which reads people's files in a browser." xor:"pkg"`
	Quiet  bool   `short:"q" help:"Print nothing on success."`
}

// Run builds the guest.
func (c guestCmd) Run(ctx context.Context) error {
	pkg, out := guest.Ships, "build/nextquill.wasm"
	switch {
	case c.Test:
		pkg, out = guest.Test, "build/nextquill-test.wasm"
	case c.Import:
		pkg, out = guest.Import, importModule
	}
	a, err := buildGuest(ctx, pkg, cmp.Or(c.Out, out))
	if err != nil {
		return err
	}
	if !c.Quiet {
		fmt.Println(a)
	}
	return nil
}
