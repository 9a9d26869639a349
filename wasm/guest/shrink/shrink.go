// Package shrink makes a linked guest smaller, above all as brotli sees it, without changing what it does:
//
//   - data.go joins the data segments: the linker skips every eight zeros, which costs more headers than zeros cost a compressor;
//   - pclntab.go drops names and lines of functions that are not ours from Go's function table;
//   - tables.go has the indexes of that table made when the module is instantiated;
//   - code.go spells two frequent sequences of instructions shorter;
//   - flow.go counts program counters instead of naming each, and lets jumps branch to where they go.
//
// It knows the output of one version of Go's linker, checks what it finds, and refuses what it does not know.
package shrink

import (
	"bytes"
	"fmt"
	"strings"

	"nextquill/core/fault"
)

// Result is a smaller module.
type Result struct {
	WASM    []byte
	Symbols []Symbol
}

// Symbol is a function's name and its index in the module, by which a trap's trace calls it: wasm-function[123] in browsers, $123 in wazero.
type Symbol struct {
	Index uint32
	Name  string
}

// SymbolFile lists the symbols, one a line.
func (r Result) SymbolFile() []byte {
	var b bytes.Buffer
	for _, s := range r.Symbols {
		fmt.Fprintf(&b, "%d %s\n", s.Index, s.Name)
	}
	return b.Bytes()
}

// Guest shrinks a module that Go's linker made for wasip1. Functions keep their names and lines where keep says so.
func Guest(wasm []byte, keep func(function string) bool) (Result, error) {
	return guest(wasm, keep, false)
}

// guest is Guest; with check, what flow.go relies on is checked while the code runs.
func guest(wasm []byte, keep func(function string) bool, check bool) (Result, error) {
	m, err := parse(wasm)
	if err != nil {
		return Result{}, err
	}
	image, err := m.memory()
	if err != nil {
		return Result{}, err
	}
	names, err := trimFunctions(image, keep)
	if err != nil {
		return Result{}, err
	}
	index, err := takeIndexes(image)
	if err != nil {
		return Result{}, err
	}
	imports, err := m.importedFunctions()
	if err != nil {
		return Result{}, err
	}
	var r Result
	for i, name := range names {
		r.Symbols = append(r.Symbols, Symbol{imports + uint32(i), name})
	}
	if err := m.setMemory(image); err != nil {
		return Result{}, err
	}
	functions, err := m.rewriteCode(findRuntime(names, imports), check)
	if err != nil {
		return Result{}, err
	}
	if functions != len(names) {
		return Result{}, malformed("%d functions in the code, %d in Go's table", functions, len(names))
	}
	if err := m.addStart(index.code()); err != nil {
		return Result{}, err
	}
	r.WASM = m.encode()
	return r, nil
}

// Ours tells whether a function is of this module.
func Ours(function string) bool {
	return strings.HasPrefix(function, "nextquill/") || strings.HasPrefix(function, "main.")
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Malformed, "guest", "", format, args...).
		WithRemedy("shrink knows the linker of the Go version in go.mod: use that one, or teach shrink the new one")
}
