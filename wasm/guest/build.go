// Package guest builds the guest with the Go tool chain: for cmd/buildwasm, and
// for tests, which must not run a stale one.
package guest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nextquill/core/fault"
	"nextquill/wasm/guest/shrink"
)

// hot are the packages whose inner loops run on the processor, the tokenizer's map look-ups among them; there, calls are inlined as usual.
// Everywhere else they are not: the guest waits for the GPU, and inlining makes it 15 % larger.
var hot = []string{"nextquill/core/internal/half", "nextquill/core/tokenizer", "unicode/utf8", "math", "math/bits",
	"internal/abi", "internal/runtime/maps", "internal/runtime/math", "internal/runtime/sys"}

// Build compiles the guest of the module that contains the working directory into the file out, and its functions' names into one beside
// it that ends in .symbols. The same source gives the same bytes on every machine.
func Build(ctx context.Context, out string) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	linked := out + ".linked"
	defer os.Remove(linked)
	temp, err := os.MkdirTemp("", "nextquill-guest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	overlay, err := overlayShaders(root, temp)
	if err != nil {
		return err
	}
	args := []string{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-overlay=" + overlay, "-ldflags=-s -w", "-gcflags=all=-l"}
	for _, name := range hot {
		args = append(args, "-gcflags="+name+"=")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", linked, "./wasm")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWASM=", "GOFLAGS=")
	if _, err = run(cmd); err != nil {
		return err
	}
	wasm, err := os.ReadFile(linked)
	if err != nil {
		return err
	}
	small, err := shrink.Guest(wasm, shrink.Ours)
	if err != nil {
		return err
	}
	if err := os.WriteFile(strings.TrimSuffix(out, ".wasm")+".symbols", small.SymbolFile(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(out, small.WASM, 0o644)
}

// Root is the folder of the go.mod that governs the working directory.
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
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fault.New(fault.Unsupported, strings.Join(cmd.Args, " "), "", "%s", strings.TrimSpace(said.String())).WithCause(err).
			WithRemedy("see the messages of the Go tool chain above; it must be at least the version in go.mod")
	}
	return strings.TrimSpace(string(out)), nil
}
