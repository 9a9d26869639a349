// Command nextquill teaches a small language model to write like one person, on that person's machine. Run it with --help.
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
	ctx, stop := interruptible(context.Background(), a.note)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], a))
}

// interruptible gives a context that the first Ctrl-C cancels, so that the session can leave a whole checkpoint behind. The
// second one ends the process at once, which is safe, too: files are only ever replaced whole.
func interruptible(parent context.Context, note func(string)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		note("Stopping after this step. Ctrl-C again stops at once.")
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

// run parses args, runs the command, and gives the exit code.
func run(ctx context.Context, args []string, a *app) (code int) {
	var flags cli
	exited := -1 // --help and --version end here, through kong's exit hook
	parser, err := kong.New(&flags, append(settings(),
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { exited = code; panic(exitNow{}) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a))...)
	if err != nil {
		panic(err) // the flags are ours
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
		fmt.Fprintf(a.stderr, "  → see %s --help\n", command)
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
	a.complain(err)
	return exitFault
}

// exitNow unwinds to run when kong wants to exit.
type exitNow struct{}
