// Command edgetest checks the Cloudflare Worker on workerd, on this machine: every file in every
// form, ranges, methods, hostile requests, models from a bucket, load, and latency next to a Worker
// in JavaScript that serves the same assets. It needs dist/ (make site), Node and npm.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type options struct {
	Only []string `placeholder:"NAME" help:"Run only: size, files, ranges, methods, hostile, bucket, load, latency."`

	Requests    int `default:"1000" help:"Requests of the load test."`
	Connections int `default:"50" help:"Connections of the load test."`
	Rounds      int `default:"5" help:"Rounds of the latency comparison, the two Workers in turns."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("edgetest"), kong.Description("Checks the Cloudflare Worker on workerd."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "edgetest:", err)
		os.Exit(1)
	}
}
