// Command benchpeers compares writing and training with other programs on this machine, in turns:
// llama.cpp on the processor and by Vulkan, wllama in Chromium, and PyTorch with PEFT. All write
// after the same prompt with the same weights, SmolLM2-135M in Q4_1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"github.com/alecthomas/kong"
)

type options struct {
	Out     string `default:"build/benchpeers" help:"Folder for packages and bundles." type:"path"`
	Doc     string `help:"Markdown file to write, such as docs/performance.md; default: standard output." placeholder:"FILE"`
	Rounds  int    `default:"3" help:"Rounds; each program has one turn in each."`
	Tokens  int    `default:"32" help:"Tokens to write in a turn, after the first."`
	Threads int    `help:"Threads of programs that use the processor; default: all." placeholder:"N"`
	Venv    string `help:"Python environment with torch, transformers and peft; default: PyTorch is left out." placeholder:"DIR" type:"path"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("benchpeers"), kong.Description("Compares writing and training with other programs."))
	if o.Threads == 0 {
		o.Threads = runtime.NumCPU()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1)
	}
}
