package api_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// constants reads the string constants of the package whose names start with prefix.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	var values []string
	names, err := fs.Glob(os.DirFS("."), "*.go")
	require.NoError(t, err)
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if l, ok := v.Values[0].(*ast.BasicLit); ok && l.Kind == token.STRING &&
					strings.HasPrefix(v.Names[0].Name, prefix) {
					value, err := strconv.Unquote(l.Value)
					require.NoError(t, err)
					values = append(values, value)
				}
			}
		}
	}
	require.NotEmpty(t, values, prefix)
	slices.Sort(values)
	return values
}

// TestTablesAreComplete compares the tables with the constants of the package.
func TestTablesAreComplete(t *testing.T) {
	var methods, events []string
	for _, m := range api.Methods() {
		methods = append(methods, m.Name)
	}
	for _, e := range api.Events() {
		events = append(events, e.Name)
	}
	require.ElementsMatch(t, constants(t, "Method"), methods)
	require.ElementsMatch(t, constants(t, "Event"), events)
	for _, e := range api.Enums() {
		if e.Name != "Preset" { // those of core/causal
			require.ElementsMatch(t, constants(t, e.Name), e.Values, e.Name)
		}
	}
	for _, m := range api.Methods() {
		for _, e := range m.Events {
			require.Contains(t, events, e, m.Name)
		}
	}
}

// TestEveryFieldIsNamed checks that each field has a name in JSON: callers in other languages
// depend on it.
func TestEveryFieldIsNamed(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var check func(v reflect.Type)
	check = func(v reflect.Type) {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || seen[v] {
			return
		}
		seen[v] = true
		for i := range v.NumField() {
			f := v.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			require.Equal(t, f.Anonymous, name == "", "%s.%s", v, f.Name)
			require.Equal(t, strings.ToLower(name), name)
			check(f.Type)
		}
	}
	for _, m := range api.Methods() {
		for _, v := range []any{m.Params, m.Result} {
			if v != nil {
				check(reflect.TypeOf(v))
			}
		}
	}
	for _, e := range api.Events() {
		check(reflect.TypeOf(e.Value))
	}
	require.Greater(t, len(seen), 30)
}

// TestInferenceIsFlat: the embedded parameters are fields of the request itself.
func TestInferenceIsFlat(t *testing.T) {
	p := api.ExplainParams{
		Inference: api.Inference{Loading: api.Loading{Base: api.BaseQ8}, Model: "m", Adapter: "a"},
		Item:      -1,
	}
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(
		t,
		`{"base":"q8","model":"m","adapter":"a","source":{"history":""},"retrieval":{},"item":-1}`,
		string(raw),
	)
}
