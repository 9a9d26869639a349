package guest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"nextquill/wasm/abi"
)

// writeOverlay writes the sources that a guest is built with instead of those on disk to the folder
// temp, with a file for the flag -overlay of the Go tool.
func writeOverlay(ctx context.Context, root, guest, temp string) (string, error) {
	sources, err := bareShaders(root)
	if guest == Import {
		sources, err = sourceWithoutFiles(ctx)
	}
	if err != nil {
		return "", err
	}
	if err := addWithoutMetrics(ctx, sources); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range sources {
		replace[name] = filepath.Join(temp, filepath.Base(name))
		if err := os.WriteFile(replace[name], []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(temp, "overlay.json")
	return name, os.WriteFile(name, list, 0o644)
}

// addWithoutMetrics adds the file of Go's package runtime that makes the table of its metrics,
// without the table: nothing in a guest reads metrics. It saves 5,400 bytes of brotli.
func addWithoutMetrics(ctx context.Context, sources map[string]string) error {
	goroot, err := run(exec.CommandContext(ctx, "go", "env", "GOROOT"))
	if err != nil {
		return err
	}
	name := filepath.Join(goroot, "src", "runtime", "metrics.go")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	sources[name] = withoutMetrics(string(text))
	return nil
}

// metricsFunctions are the start of the function that makes the table, and of the one that adds the
// metric of a setting in GODEBUG to it.
var metricsFunctions = regexp.MustCompile(
	`(?m)^func (initMetrics\(\)|godebug_registerMetric\(name string, read func\(\) uint64\)) \{$`)

// withoutMetrics makes these functions return at once. It keeps the text of a version of Go that
// has others.
func withoutMetrics(text string) string {
	return metricsFunctions.ReplaceAllString(text, "$0\n\treturn")
}

// wasiFunction is the declaration of a function of WASI in Go's package syscall.
var wasiFunction = regexp.MustCompile(
	`//go:wasmimport wasi_snapshot_preview1 (\w+)\n//go:noescape\n(func \w+\(.*\) Errno)\n`)

// sourceWithoutFiles returns the file of Go's package syscall that declares the functions of WASI
// with only those of abi.WASI; the others fail. Packages of the standard library refer to
// functions that open files, such as mime to those of the system's types, although they never call
// them here. Without them the import list shows that the module cannot open a file.
func sourceWithoutFiles(ctx context.Context) (map[string]string, error) {
	goroot, err := run(exec.CommandContext(ctx, "go", "env", "GOROOT"))
	if err != nil {
		return nil, err
	}
	name := filepath.Join(goroot, "src", "syscall", "fs_wasip1.go")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	declarations := wasiFunction.ReplaceAllFunc(text, func(declaration []byte) []byte {
		m := wasiFunction.FindSubmatch(declaration)
		if slices.Contains(abi.WASI, string(m[1])) {
			return declaration
		}
		return append(m[2], " { return ENOSYS }\n"...)
	})
	return map[string]string{name: string(declarations)}, nil
}
