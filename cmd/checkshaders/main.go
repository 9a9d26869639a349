// Command checkshaders compiles every shader variant that a kernel case uses, with both compilers:
// naga (native wgpu) and Tint (Chromium). It runs no kernel, so it takes seconds; the tests run
// them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "checkshaders:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	shaders, err := collect(ctx)
	if err != nil {
		return err
	}
	for _, compiler := range []struct {
		name    string
		compile func(context.Context, []shader) (compiled int, err error)
	}{{"naga", withNaga}, {"Tint", withTint}} {
		n, err := compiler.compile(ctx, shaders)
		if err != nil {
			return err
		}
		fmt.Printf("%s: compiled %d of %d shader variants\n", compiler.name, n, len(shaders))
	}
	return nil
}
