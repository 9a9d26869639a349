// Command benchbrowser times an optimizer step of a small Llama model in a browser: NextQuill (the
// guest in its worker), jax-js and TensorFlow.js take turns on the same device. First it checks
// that their losses agree in each step.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type options struct {
	Guest  string   `help:"The guest; default: $NEXTQUILL_TEST_WASM, else build/nextquill-test.wasm." placeholder:"FILE"`
	Out    string   `default:"build/benchbrowser" help:"Folder for packages and bundles." type:"path"`
	Rounds int      `default:"5" help:"Rounds; each implementation has one turn in each."`
	Steps  int      `default:"8" help:"Steps of NextQuill and of jax-js in a round; tfjs takes a quarter."`
	Rivals []string `default:"jax,tfjs" enum:"jax,tfjs" help:"Other implementations to measure."`
	On     string   `default:"swiftshader" enum:"swiftshader,lavapipe,firefox" help:"Browser and driver."`
	Dawn   []string `help:"Dawn features to switch on; default: none, as in a visitor's browser." placeholder:"NAME"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("benchbrowser"),
		kong.Description("Compares a training step with jax-js and TensorFlow.js, in Chromium or Firefox."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "benchbrowser:", err)
		os.Exit(1)
	}
}
