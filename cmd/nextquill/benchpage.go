package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// benchPage is the two files of a measurement: a page, and all figures next to it.
type benchPage struct{ html, json string }

// newBenchPage names the files after the one that the user gave.
func newBenchPage(name string) benchPage {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	return benchPage{stem + ".html", stem + ".json"}
}

// prepare makes the folder, before minutes of work.
func (p benchPage) prepare() error { return os.MkdirAll(filepath.Dir(p.html), 0o777) }

// write writes the figures, and the page that render makes.
func (p benchPage) write(figures any, render func(io.Writer) error) error {
	raw, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := render(&html); err != nil {
		return err
	}
	if err := os.WriteFile(p.json, append(raw, '\n'), 0o666); err != nil {
		return err
	}
	return os.WriteFile(p.html, html.Bytes(), 0o666)
}
