// Command nativetest is the CI runner: the guest that ships, under wazero, on
// this machine's GPU adapter. It runs the host conformance suite, every kernel
// case and an end-to-end job, a line each.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"nextquill/core/api"
	"nextquill/wasm/host"
)

type options struct {
	Guest  string `help:"The guest's file; default: $NEXTQUILL_WASM, else build/nextquill.wasm." placeholder:"FILE"`
	Filter string `help:"Run only the cases that match this regular expression, and no end-to-end job." placeholder:"REGEXP"`
	Job    bool   `help:"Run the end-to-end job after the cases." default:"true" negatable:""`
}

func main() {
	var o options
	kong.Parse(
		&o,
		kong.Name("nativetest"),
		kong.Description("Runs the guest's own tests under wazero on this machine's GPU adapter."),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed, err := run(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nativetest:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (failed int, err error) {
	guest, err := host.LoadGuest(o.Guest)
	if err != nil {
		return 0, err
	}
	store, err := jobStore()
	if err != nil {
		return 0, err
	}
	h, err := host.Open(ctx, host.NewConfig().WithGuest(guest).WithBlobs(store))
	if err != nil {
		return 0, err
	}
	defer h.Close()
	var info api.InfoResult
	if err := h.Call(ctx, api.MethodInfo, nil, &info, nil); err != nil {
		return 0, err
	}
	fmt.Fprintf(out, "%s (%s)\n", info.Device.Name, info.Device.Backend)
	t := &tally{out: out}
	if err := runConformance(ctx, h, o.Filter, t); err != nil {
		return t.failed, err
	}
	if err := runKernels(ctx, h, o.Filter, t); err != nil {
		return t.failed, err
	}
	if o.Job && o.Filter == "" {
		if err := (job{h, store, t}).run(ctx); err != nil {
			return t.failed, err
		}
	}
	if err := checkNothingLeft(ctx, h, t); err != nil {
		return t.failed, err
	}
	if n := h.LiveBuffers(); n > 0 {
		t.line("buffers on the device", fmt.Sprintf("%d are left", n), "")
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", t.passed, t.failed)
	return t.failed, nil
}
