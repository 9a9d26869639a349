// Package shrink makes a linked guest smaller without changing what it does. Go's linker optimizes
// for start-up time and debuggers; a web page needs a file that is small after compression. There
// are three steps. The sizes are bytes of brotli, measured on a guest of 1,320,168:
//
//   - data.go joins data segments: the linker writes 70,000 of them. Saves 105,000.
//   - functions.go clears what only tracebacks read of functions outside this Go module: names and
//     line tables. Saves 102,000.
//   - indexes.go clears the indexes of Go's function table. A start function computes them when the
//     module is instantiated. Saves 34,000, and 1,900,000 uncompressed.
//
// All three depend on the output of Go's linker. A module of another Go version or of an unknown
// form is refused with an error, and the caller ships it as the linker wrote it.
package shrink

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// known lists the Go versions that the three steps were checked with.
var known = []string{"go1.26", "go1.27"}

var release = regexp.MustCompile(`^go\d+\.\d+`)

// Knows reports whether the three steps were checked with a Go version, such as "go1.26.8".
func Knows(version string) bool { return slices.Contains(known, release.FindString(version)) }

// Result is a smaller module.
type Result struct {
	WASM    []byte
	Symbols []Symbol
}

// Symbol is a function's name and its index in the module. A trap's stack trace gives the index:
// wasm-function[123] in browsers, $123 in wazero.
type Symbol struct {
	Index uint32
	Name  string
}

// SymbolFile lists the symbols, one per line.
func (r Result) SymbolFile() []byte {
	var b bytes.Buffer
	for _, s := range r.Symbols {
		fmt.Fprintf(&b, "%d %s\n", s.Index, s.Name)
	}
	return b.Bytes()
}

// Guest shrinks a module that Go's linker made for wasip1. Functions for which keep returns true
// keep their names and lines in tracebacks. The error for a module that is not known is a fault of
// kind Unsupported (its Go version) or Malformed (its form).
func Guest(wasm []byte, keep func(function string) bool) (r Result, err error) {
	// Offsets in a module of unknown form may point anywhere.
	defer func() {
		thrown := recover()
		if e, ok := thrown.(runtime.Error); ok {
			r, err = Result{}, malformed("an offset points outside of the module").WithCause(e)
		} else if thrown != nil {
			panic(thrown)
		}
	}()
	m, err := parse(wasm)
	if err != nil {
		return Result{}, err
	}
	if err := m.checkVersion(); err != nil {
		return Result{}, err
	}
	image, err := m.memory()
	if err != nil {
		return Result{}, err
	}
	table, err := findFunctionTable(image)
	if err != nil {
		return Result{}, err
	}
	names, err := table.trim(keep)
	if err != nil {
		return Result{}, err
	}
	x, err := table.removeIndexes()
	if err != nil {
		return Result{}, err
	}
	if err := m.setMemory(image); err != nil {
		return Result{}, err
	}
	imports, own, err := m.addStart(x.code())
	if err != nil {
		return Result{}, err
	}
	if own != len(names) {
		return Result{}, malformed("%d functions have code, %d are in Go's table", own, len(names))
	}
	for i, name := range names {
		r.Symbols = append(r.Symbols, Symbol{uint32(imports + i), name})
	}
	r.WASM = m.encode()
	return r, nil
}

// Ours reports whether a function belongs to this Go module.
func Ours(function string) bool {
	return strings.HasPrefix(function, "nextquill/") || strings.HasPrefix(function, "main.")
}

// checkVersion refuses a Go version that is not known: its runtime may read what is cleared here.
func (m *module) checkVersion() error {
	version, err := m.goVersion()
	if err != nil {
		return err
	}
	if !Knows(version) {
		return fault.New(fault.Unsupported, "guest", "Go version", "it was built with %q", version).
			WithLimit("%s", strings.Join(known, ", ")).
			WithRemedy("build with one of these, or check package shrink with the new one")
	}
	return nil
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.Malformed, "guest", "", format, args...).
		WithRemedy("build with %s, or adapt package shrink", strings.Join(known, " or "))
}
