// Command nativetest tests both guests under wazero on this machine's device. The test guest runs
// the conformance suite of hosts and every kernel case; the guest that ships runs an end-to-end
// job. The command prints one line for each test.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/wasm/host"
)

type options struct {
	Guest     string `help:"Guest that ships; default: $NEXTQUILL_WASM, build/nextquill.wasm." placeholder:"FILE"`
	TestGuest string `help:"Default: $NEXTQUILL_TEST_WASM, build/nextquill-test.wasm." placeholder:"FILE"`
	Filter    string `help:"Run only cases whose names match, without the job." placeholder:"REGEXP"`
	Job       bool   `help:"Run the end-to-end job after the cases." default:"true" negatable:""`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("nativetest"),
		kong.Description("Runs the tests of the guests under wazero on this machine's GPU."))
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
	test, err := host.LoadTestGuest(o.TestGuest)
	if err != nil {
		return 0, err
	}
	var ships []byte
	runJob := o.Job && o.Filter == ""
	if runJob {
		if ships, err = host.LoadGuest(o.Guest); err != nil {
			return 0, err
		}
	}
	t := &tally{out: out}
	suites := func(h *host.Host) error {
		var info api.InfoResult
		if err := h.Call(ctx, api.MethodInfo, nil, &info, nil); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s (%s)\n", info.Device.Name, info.Device.Backend)
		if err := runConformance(ctx, h, o.Filter, t); err != nil {
			return err
		}
		return runKernels(ctx, h, o.Filter, t)
	}
	if err := withGuest(ctx, test, &blob.Mem{}, t, suites); err != nil {
		return t.failed, err
	}
	if runJob {
		store, err := jobStore()
		if err != nil {
			return t.failed, err
		}
		err = withGuest(ctx, ships, store, t, func(h *host.Host) error {
			return job{h, store, t}.run(ctx)
		})
		if err != nil {
			return t.failed, err
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", t.passed, t.failed)
	return t.failed, nil
}

// withGuest runs something on a guest, and checks that nothing is left on the device.
func withGuest(ctx context.Context, wasm []byte, store blob.Store, t *tally, do func(*host.Host) error) error {
	h, err := host.Open(ctx, host.NewConfig().WithGuest(wasm).WithBlobs(store))
	if err != nil {
		return err
	}
	defer h.Close()
	if err := do(h); err != nil {
		return err
	}
	if err := checkNothingLeft(ctx, h, t); err != nil {
		return err
	}
	if n := h.LiveBuffers(); n > 0 {
		t.line("buffers on the device", fmt.Sprintf("%d are left", n), "")
	}
	return nil
}
