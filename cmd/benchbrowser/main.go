// Command benchbrowser times one optimizer step of a small Llama in a browser:
// ours (the guest in its worker), jax-js and TensorFlow.js, on one adapter and in
// turns. It checks first that their losses agree, step for step.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type options struct {
	Guest  string   `help:"The guest's file; default: $NEXTQUILL_WASM, else build/nextquill.wasm." placeholder:"FILE"`
	Out    string   `default:"build/benchbrowser" help:"Where packages and bundles are kept." type:"path"`
	Rounds int      `default:"5" help:"Turns of all contestants."`
	Steps  int      `default:"8" help:"Steps of ours and of jax-js in a round; tfjs takes a quarter."`
	Rivals []string `default:"jax,tfjs" enum:"jax,tfjs" help:"Whom to measure beside ours."`
	On     string   `default:"swiftshader" enum:"swiftshader,lavapipe,firefox" help:"Chromium's software driver, Mesa's in Chromium, which passes for a GPU there, or Mesa's in Firefox."`
	Dawn   []string `help:"Features of Dawn's to switch on; default: none, as visitors have it." placeholder:"NAME"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("benchbrowser"), kong.Description("Times a training step in Chromium or Firefox beside jax-js and TensorFlow.js."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchbrowser:", err)
		os.Exit(1)
	}
}
