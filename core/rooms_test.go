package core

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers lists the packages of the core, each with the packages of the core that it may import. The
// list begins with the packages that import nothing. A package may import only packages that come
// before it in the list, so there is no cycle. A new package needs a line here. ARCHITECTURE.md
// explains the layers.
var layers = []struct{ name, imports string }{
	// Basics.
	{"fault", ""},
	{"internal/half", ""},
	{"internal/jsonx", ""},
	{"internal/sorted", ""},
	{"regex", ""},
	{"weights/gguf/gguftest", ""},
	{"blob", "fault"},
	{"blob/blobtest", "blob fault"},
	{"jinja", "fault"},
	{"metric", "fault"},
	{"metric/overlap", ""},

	// File formats, texts and tokens.
	{"weights/gguf", "blob fault internal/half internal/sorted"},
	{"weights", "blob fault internal/jsonx internal/sorted weights/gguf"},
	{"tokenizer", "blob fault internal/jsonx internal/sorted regex weights/gguf"},
	{"chat", "blob fault jinja weights/gguf"},
	{"history", "fault internal/jsonx internal/sorted"},
	{"datastore", "blob fault weights"},
	{"modelfolder", "blob fault tokenizer weights weights/gguf"},

	// The objective.
	{"causal", "fault"},
	{"causal/reference", "fault"},

	// The device.
	{"wgsl", ""},
	{"gpu", "fault"},
	{"kernels", "fault gpu shaders weights/gguf wgsl"},
	{"kernels/kerneltest", "gpu kernels weights/gguf"},

	// The model on the device.
	{"params", "fault gpu weights"},
	{"model", "blob causal datastore fault gpu kernels params weights"},
	{"train", "blob causal fault gpu kernels model params"},
	{"generate", "fault kernels model tokenizer"},

	// The interface to the outside.
	{"api", "causal fault gpu"},
	{"rpc", "api fault"},

	// Methods.
	{"dataset", "api blob causal chat fault history tokenizer weights"},
	{"engine", "api blob fault gpu kernels model rpc tokenizer weights"},
	{"jobs", "api blob causal chat dataset datastore engine fault generate gpu history kernels model rpc " +
		"tokenizer train weights"},
	{"diag", "api blob causal dataset engine fault gpu kernels model rpc train weights"},
	{"selftest", "api blob engine fault kernels/kerneltest regex rpc"},

	// Callers of the core.
	{"method", "api blob causal datastore fault history metric metric/overlap modelfolder weights"},
}

// coreImports reads which packages of the core each package imports, tests aside. shaders counts as
// one of them.
func coreImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		from := path.Dir(name)
		imports[from] = append(imports[from], "")
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			if to == "nextquill/shaders" {
				to = "nextquill/core/shaders"
			}
			if to, ok := strings.CutPrefix(to, "nextquill/core/"); ok && !slices.Contains(imports[from], to) {
				imports[from] = append(imports[from], to)
			}
		}
		return nil
	})
	require.NoError(t, err)
	return imports
}

// TestLayers compares the imports of every package of the core with the list of layers.
func TestLayers(t *testing.T) {
	imports := coreImports(t)
	known := []string{"", "shaders"}
	for _, layer := range layers {
		require.Contains(t, imports, layer.name, "the list has a package that is not there")
		allowed := strings.Fields(layer.imports)
		for _, to := range allowed {
			require.Contains(t, known, to, "%s is listed before %s, which it may import", layer.name, to)
		}
		for _, to := range imports[layer.name] {
			if to != "" {
				require.Contains(t, allowed, to, "%s imports %s: add it to the list if that is intended",
					layer.name, to)
			}
		}
		known = append(known, layer.name)
		delete(imports, layer.name)
	}
	require.Empty(t, imports, "packages that the list of layers lacks: add a line for each")
}

// Limits of the size of a package, tests aside.
const (
	maxFiles = 25
	maxLines = 3000
)

// largePackages are the packages above the limits, with the reason. ARCHITECTURE.md repeats them.
var largePackages = map[string]string{
	"cmd/nextquill": "one file per command, and the commands share their flags",
	"core/jinja":    "one language: its lexer, parser, evaluator and filters depend on each other",
}

// TestPackagesAreSmall checks the size of every Go package of the repository.
func TestPackagesAreSmall(t *testing.T) {
	files, lines := map[string]int{}, map[string]int{}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := path.Base(name); base == "node_modules" || base == "dist" ||
				base != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		raw, err := fs.ReadFile(root, name)
		files[path.Dir(name)]++
		lines[path.Dir(name)] += bytes.Count(raw, []byte("\n"))
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(files), 30)
	for dir, n := range files {
		large := n > maxFiles || lines[dir] > maxLines
		_, excepted := largePackages[dir]
		require.Equal(t, large, excepted, "%s has %d files and %d lines; the limits are %d and %d",
			dir, n, lines[dir], maxFiles, maxLines)
	}
}
