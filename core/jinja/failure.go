package jinja

import (
	"fmt"

	"nextquill/core/fault"
)

// pos is a place in the template, counted from 1; columns count bytes.
type pos struct{ line, col int }

// failure is how lexer, parser and machine give up from any depth: thrown here, caught at the border of the package.
type failure struct {
	pos
	*fault.Error
}

func (p pos) fail(kind fault.Kind, format string, args ...any) {
	panic(failure{p, fault.New(kind, "", "", format, args...)})
}

// syntax refuses what is not Jinja.
func (p pos) syntax(format string, args ...any) { p.fail(fault.Malformed, format, args...) }

// unsupported refuses what is Jinja, but not in the subset.
func (p pos) unsupported(format string, args ...any) {
	e := fault.New(fault.Unsupported, "", "", format, args...)
	panic(failure{p, e.WithRemedy("use the plain template, or a chat template without it")})
}

// exceeded reports a limit.
func (p pos) exceeded(what string, limit int) {
	panic(failure{p, fault.New(fault.TooLarge, "", "", "%s", what).WithLimit("%d", limit)})
}

// catch turns a thrown failure into the error of an exported function; other panics are defects and go on.
func catch(name string, err *error) {
	switch thrown := recover().(type) {
	case nil:
	case failure:
		thrown.Where = name
		thrown.Field = fmt.Sprintf("line %d, column %d", thrown.line, thrown.col)
		*err = thrown.Error
	default:
		panic(thrown)
	}
}
