package main

import (
	"errors"
	"fmt"
	"strings"

	"nextquill/core/fault"
	"nextquill/report"
)

// printError prints an error: what is wrong on the first line, and what to do on the next.
func (a *app) printError(err error) {
	path := func(name string) string { return name }
	if a.names != nil {
		path = a.names
	}
	sentence, remedy := explainFault(err, path)
	fmt.Fprintf(a.stderr, "nextquill: %s\n", report.Clean(sentence))
	if remedy != "" {
		fmt.Fprintf(a.stderr, "  → %s\n", report.Clean(remedy))
	}
}

// explainFault splits an error into its description and the innermost remedy. It replaces blob
// names by paths.
func explainFault(err error, path func(string) string) (sentence, remedy string) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error(), ""
	}
	// Text of wrapping errors that are not faults becomes a prefix.
	before := strings.TrimSuffix(err.Error(), f.Error())
	if before == err.Error() {
		before = ""
	}
	shown := *f
	shown.Where, shown.Remedy = path(f.Where), ""
	remedy = f.Remedy
	if f.Err != nil {
		inner, deeper := explainFault(f.Err, path)
		shown.Err = errors.New(inner)
		if deeper != "" {
			remedy = deeper
		}
	}
	return before + shown.Error(), remedy
}
