package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// source is what reflection does not know of a package: its comments and string constants.
type source struct {
	docs   map[string]string // "Type" or "Type.Field" → comment
	consts []constant
}

type constant struct{ typ, value string }

// parseSource reads the Go files of a folder, tests aside.
func parseSource(dir string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{docs: map[string]string{}}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				s.add(d)
			}
		}
	}
	return s, nil
}

func (s *source) add(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.docs[spec.Name.Name] = d.Doc.Text()
			if t, ok := spec.Type.(*ast.StructType); ok {
				s.addFields(spec.Name.Name, t)
			}
		case *ast.ValueSpec:
			if d.Tok == token.CONST {
				s.addConst(spec)
			}
		}
	}
}

func (s *source) addFields(of string, t *ast.StructType) {
	for _, f := range t.Fields.List {
		for _, name := range f.Names {
			s.docs[of+"."+name.Name] = strings.TrimSpace(f.Doc.Text() + f.Comment.Text())
		}
	}
}

func (s *source) addConst(spec *ast.ValueSpec) {
	for i := range spec.Names {
		if i >= len(spec.Values) {
			return
		}
		literal, ok := spec.Values[i].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			continue
		}
		c := constant{value: value}
		if t, ok := spec.Type.(*ast.Ident); ok {
			c.typ = t.Name
		}
		s.consts = append(s.consts, c)
	}
}

// values gives the constants of a type, in their order.
func (s *source) values(typ string) []string {
	var out []string
	for _, c := range s.consts {
		if c.typ == typ {
			out = append(out, c.value)
		}
	}
	return out
}
