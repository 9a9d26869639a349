package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// notices adds LICENSES.txt: the licences of everything in the site.
func (s *site) notices(ctx context.Context) error {
	var b strings.Builder
	section := func(title, text string) {
		fmt.Fprintf(&b, "%s\n%s\n\n%s\n\n\n", title, strings.Repeat("=", len(title)), strings.TrimSpace(text))
	}
	for _, own := range []struct{ title, file string }{
		{"NextQuill", "LICENSE"},
		{"The default model and what it was trained on", "models/default/LICENSES.md"},
		{"The sample writer", "samples/bierce/README.md"},
	} {
		text, err := s.read(own.file)
		if err != nil {
			return err
		}
		section(own.title, string(text))
	}
	modules, err := guestModules(ctx, s.root)
	if err != nil {
		return err
	}
	for _, m := range modules {
		text, err := license(m.dir)
		if err != nil {
			return err
		}
		section(m.title, text)
	}
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		text, err := license(filepath.Join(s.root, s.packages[name]))
		if err != nil {
			return err
		}
		section(name+" (npm)", text)
	}
	s.add("LICENSES.txt", []byte(strings.TrimSpace(b.String())+"\n"))
	return nil
}

type module struct{ title, dir string }

// guestModules returns Go itself and the modules that are compiled into the guest.
func guestModules(ctx context.Context, root string) ([]module, error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}"
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-f", format, "./wasm")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		return nil, fault.New(fault.Unsupported, list.String(), "", "it failed").WithCause(err)
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	modules := []module{{"Go's runtime and standard library", strings.TrimSpace(string(goroot))}}
	for line := range strings.Lines(string(out)) {
		title, dir, found := strings.Cut(strings.TrimSpace(line), "\t")
		if m := (module{title, dir}); found && !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
	}
	return modules, nil
}
