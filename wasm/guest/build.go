// Package guest builds the guest: it compiles core/ to WASM with the Go tool chain. Programs and
// tests use it, so that they never run an outdated guest.
package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nextquill/core/fault"
	"nextquill/wasm/guest/shrink"
)

// hot lists the packages whose inner loops run on the CPU, such as the tokenizer's map look-ups.
// Calls in them are inlined; in other packages they are not. Most of the time the guest waits for
// the GPU, and with inlining everywhere the linked file has 154,000 bytes of brotli more. Without
// inlining it has 7,000 less, and tokenizing takes 1.6 times as long.
var hot = []string{
	"nextquill/core/internal/half", "nextquill/core/tokenizer", "unicode/utf8", "math", "math/bits",
	"internal/abi", "internal/runtime/maps", "internal/runtime/math", "internal/runtime/sys",
}

// godebug makes a garbage collection stop the program until it is complete. A guest has one thread,
// and its code does not return to the scheduler, so a concurrent collection hardly proceeds: memory
// grows meanwhile, and every write of a pointer is recorded.
const godebug = "gcstoptheworld=1"

// The guests, as packages of this Go module.
const (
	Ships = "./wasm"           // the one that ships
	Test  = "./wasm/testguest" // with kernel cases and host conformance; see wasm/README.md
	// Import reads the files of a person in a browser; see wasm/importabi.
	Import = "./wasm/importguest"
)

// Build compiles a guest of the Go module that contains the working directory into the file out,
// and writes the names of its functions to a file next to it that ends in .symbols. The same source
// and tool chain give the same bytes on every machine. A guest that shrink does not know is written
// as the linker made it, without .symbols, and a warning goes to warnings.
func Build(ctx context.Context, guest, out string, warnings io.Writer) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	version, err := run(exec.CommandContext(ctx, "go", "env", "GOVERSION"))
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "nextquill-guest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	linked, err := link(ctx, root, guest, temp, experiments(version))
	if err != nil {
		return err
	}
	return write(linked, out, warnings)
}

// experiments are the settings of GOEXPERIMENT for a Go version. From 1.27 on, encoding/json is a
// layer over encoding/json/v2 by default, which takes 112,000 bytes of brotli more. The guest has
// the older implementation with each known version. A later one may not know the setting.
func experiments(version string) string {
	if shrink.Knows(version) {
		return "nojsonv2"
	}
	return ""
}

// link runs the Go tool chain.
func link(ctx context.Context, root, guest, temp, experiments string) ([]byte, error) {
	overlay, err := writeOverlay(ctx, root, guest, temp)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(temp, "linked.wasm")
	args := []string{
		"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-overlay=" + overlay,
		"-ldflags=-s -w -X=runtime.godebugDefault=" + godebug, "-gcflags=all=-l",
	}
	for _, name := range hot {
		args = append(args, "-gcflags="+name+"=")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", out, guest)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWASM=", "GOFLAGS=",
		"GOEXPERIMENT="+experiments)
	if _, err := run(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// write writes the shrunk guest and its symbols, or the guest as it is if shrink refuses it.
func write(linked []byte, out string, warnings io.Writer) error {
	symbols := strings.TrimSuffix(out, ".wasm") + ".symbols"
	small, err := shrink.Guest(linked, shrink.Ours)
	if err != nil {
		fmt.Fprintf(warnings, "warning: the guest works but is not shrunk: %v\n", err)
		if err := os.Remove(symbols); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.WriteFile(out, linked, 0o644)
	}
	if err := os.WriteFile(symbols, small.SymbolFile(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(out, small.WASM, 0o644)
}

// Root returns the folder of the go.mod that governs the working directory.
func Root(ctx context.Context) (string, error) {
	mod, err := run(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return "", err
	}
	if mod == "" || mod == os.DevNull {
		return "", fault.New(fault.Missing, "go.mod", "", "the working directory is in no Go module").
			WithRemedy("run this inside the repository")
	}
	return filepath.Dir(mod), nil
}

func run(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		command, message := strings.Join(cmd.Args, " "), strings.TrimSpace(stderr.String())
		return "", fault.New(fault.Unsupported, command, "", "%s", message).WithCause(err).
			WithRemedy("see the messages of the Go tool chain above; it must be at least the version in go.mod")
	}
	return strings.TrimSpace(string(out)), nil
}
