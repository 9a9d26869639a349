// Package docs_test checks that the documentation refers to files, packages, tests and make targets
// that exist.
package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

const root = ".."

// produced are folders that the build or a run writes: documents may name files in them.
var produced = []string{"build", "dist", "out", "node_modules"}

var (
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	span        = regexp.MustCompile("`([^`\n]+)`")
	placeholder = regexp.MustCompile(`<[\w-]+>`)
	pathLike    = regexp.MustCompile(`^[\w.@<>*-]+(/[\w.@<>*-]+)*/?$`)
	extension   = regexp.MustCompile(`\.(c|css|go|html|js|json|jsonl|md|mod|py|svg|ts|txt|wgsl|yml)$`)
	goTest      = regexp.MustCompile(`go test ((?:-\w+ )*)((?:\./\S+ ?)+)(?:-run "?([\w|\\/]+))?`)
	goPackage   = regexp.MustCompile(`(?:^|\s)\.{1,2}/[\w./-]+`)
	makeRun     = regexp.MustCompile(`(?:^|\s)make ([a-z][a-z-]*)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// changes names files that no longer exist.
const changes = "CHANGELOG.md"

type document struct {
	name string // relative to the root, with slashes
	text string // with fenced blocks blanked
}

func (d document) dir() string { return filepath.Join(root, path.Dir(d.name)) }

// documents returns every Markdown file of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var out []document
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || skipped(d.Name())) {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".md" {
			return nil
		}
		raw, err := os.ReadFile(filepath.Join(root, name))
		out = append(out, document{name, withoutFences(string(raw))})
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(out), 15)
	return out
}

func skipped(segment string) bool { return slices.Contains(produced, segment) }

func withoutFences(text string) string {
	parts := strings.Split(text, "\n```")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = ""
	}
	return strings.Join(parts, "\n")
}

func exists(name string) bool {
	matches, err := filepath.Glob(name)
	return err == nil && len(matches) > 0
}

// TestLinks follows the relative links of every document, and the headings that they name.
func TestLinks(t *testing.T) {
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := filepath.Join(root, d.name)
			if target != "" {
				file = filepath.Join(d.dir(), filepath.FromSlash(target))
			}
			if !exists(file) {
				t.Errorf("%s links to %s, which does not exist", d.name, m[1])
				continue
			}
			if anchor != "" {
				raw, err := os.ReadFile(file)
				require.NoError(t, err)
				if !anchors(string(raw))[anchor] {
					t.Errorf("%s links to %s, but no heading there gives #%s", d.name, m[1], anchor)
				}
			}
		}
	}
}

// anchors are the fragments that GitHub gives to the headings of a document.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(withoutFences(text), -1) {
		var slug strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(m[1])) {
			switch {
			case r == ' ':
				slug.WriteRune('-')
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				slug.WriteRune(r)
			}
		}
		out[slug.String()] = true
	}
	return out
}

// TestPaths looks for every `path/like/this`, relative to the document or to the root.
func TestPaths(t *testing.T) {
	checked := 0
	for _, d := range documents(t) {
		if d.name == changes {
			continue
		}
		for _, m := range span.FindAllStringSubmatch(d.text, -1) {
			name := m[1]
			first, rest, _ := strings.Cut(name, "/")
			if !pathLike.MatchString(name) || rest == "" || first == "." || skipped(first) {
				continue // no path, or a bare name
			}
			known := exists(filepath.Join(d.dir(), first)) || exists(filepath.Join(root, first))
			if !known && (!extension.MatchString(name) || strings.Contains(name, "*")) {
				continue // a Go module, an npm package, a media type
			}
			pattern := placeholder.ReplaceAllString(name, "*")
			if !exists(filepath.Join(d.dir(), pattern)) && !exists(filepath.Join(root, pattern)) {
				t.Errorf("%s names `%s`, which does not exist", d.name, name)
			}
			checked++
		}
	}
	require.Greater(t, checked, 20)
}

// TestCommands looks for the packages and tests of `go test` and `go run`, and for make targets.
func TestCommands(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	for _, d := range documents(t) {
		for _, command := range commands(d.text) {
			for _, m := range makeRun.FindAllStringSubmatch(command, -1) {
				if !strings.Contains(string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s names make %s, which the Makefile does not have", d.name, m[1])
				}
			}
			if !strings.Contains(command, "go test") && !strings.Contains(command, "go run") {
				continue
			}
			for _, p := range goPackage.FindAllString(command, -1) {
				p = strings.TrimSuffix(strings.TrimSpace(p), "/...")
				if !exists(filepath.Join(root, p)) && !exists(filepath.Join(d.dir(), p)) {
					t.Errorf("%s names the package %s, which does not exist", d.name, p)
				}
			}
			if m := goTest.FindStringSubmatch(command); m != nil && m[3] != "" {
				for _, name := range strings.FieldsFunc(m[3], func(r rune) bool { return r == '|' || r == '\\' }) {
					name, _, _ = strings.Cut(name, "/")
					if !hasTest(t, d, strings.Fields(m[2]), name) {
						t.Errorf("%s runs %s, but no test of %s has that name", d.name, name, m[2])
					}
				}
			}
		}
	}
}

// commands are the code spans and the indented lines of a document.
func commands(text string) []string {
	var out []string
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	for line := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			code, _, _ = strings.Cut(code, "#")
			out = append(out, strings.TrimSpace(code))
		}
	}
	return out
}

func hasTest(t *testing.T, d document, packages []string, name string) bool {
	t.Helper()
	for _, p := range packages {
		for _, dir := range []string{filepath.Join(root, p), filepath.Join(d.dir(), p)} {
			files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			require.NoError(t, err)
			for _, f := range files {
				raw, err := os.ReadFile(f)
				require.NoError(t, err)
				function := `(?m)^func (Test|Benchmark|Fuzz)\w*` + strings.TrimPrefix(name, "Test")
				if regexp.MustCompile(function).Match(raw) {
					return true
				}
			}
		}
	}
	return false
}
