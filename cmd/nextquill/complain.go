package main

import (
	"errors"
	"fmt"
	"strings"

	"nextquill/core/fault"
	"nextquill/report"
)

// complain writes an error for a person: what is wrong on the first line, what to do on the next.
func (a *app) complain(err error) {
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

// explainFault splits an error into what is wrong and the remedy nearest to its root, and calls blobs by their paths.
func explainFault(err error, path func(string) string) (sentence, remedy string) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error(), ""
	}
	// What wraps the fault without being one itself is kept as the text before it.
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
