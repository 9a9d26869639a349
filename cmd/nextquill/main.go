// Command nextquill fine-tunes a small language model to write like one person, on that person's
// machine. Run it with --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"nextquill/core/fault"
)

// Exit codes.
const (
	exitOK          = 0
	exitFault       = 1
	exitUsage       = 2
	exitInterrupted = 128 + int(syscall.SIGINT)
)

func main() {
	a := &app{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, open: openEngine}
	ctx, stop := withInterrupt(context.Background(), a.note)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], a))
}

// withInterrupt returns a context that the first Ctrl-C cancels, so that training can write a
// complete checkpoint. The second Ctrl-C ends the process at once. That is safe as well, because
// files are replaced atomically.
func withInterrupt(parent context.Context, note func(string)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		note("Stopping after this step. Press Ctrl-C again to stop at once.")
		cancel()
		if _, ok := <-signals; ok {
			os.Exit(exitInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// run parses args, runs the command, and returns the exit code.
func run(ctx context.Context, args []string, a *app) (code int) {
	var flags cli
	exited := -1 // set by kong's exit hook for --help and --version
	parser, err := kong.New(&flags, append(settings(),
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { exited = code; panic(exitNow{}) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a))...)
	if err != nil {
		panic(err) // only wrong struct tags can cause this
	}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(exitNow); !ok {
				panic(p)
			}
			code = exited
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.stderr, "nextquill: %v\n", err)
		command := "nextquill"
		var wrong *kong.ParseError
		if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
			command = wrong.Context.Selected().FullPath()
		}
		fmt.Fprintf(a.stderr, "  → run %s --help\n", command)
		return exitUsage
	}
	if err := checkNumbers(parsed); err != nil {
		a.printError(err)
		return exitUsage
	}
	err = parsed.Run()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, fault.Cancelled) || errors.Is(err, context.Canceled):
		fmt.Fprintln(a.stderr, "nextquill: stopped")
		return exitInterrupted
	}
	a.printError(err)
	return exitFault
}

// exitNow is the panic value that unwinds to run when kong exits.
type exitNow struct{}
