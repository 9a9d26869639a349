package jinja

import (
	"fmt"

	"nextquill/core/fault"
)

// pos is a position in the template, counted from 1; columns count bytes.
type pos struct{ line, col int }

// failure is the panic value of lexer, parser and machine. The package's exported functions recover
// it.
type failure struct {
	pos
	*fault.Error
}

func (p pos) fail(kind fault.Kind, format string, args ...any) {
	panic(failure{p, fault.New(kind, "", "", format, args...)})
}

// syntax rejects invalid Jinja.
func (p pos) syntax(format string, args ...any) { p.fail(fault.Malformed, format, args...) }

// unsupported rejects valid Jinja outside the subset.
func (p pos) unsupported(format string, args ...any) {
	e := fault.New(fault.Unsupported, "", "", format, args...)
	panic(failure{p, e.WithRemedy("use the plain template, or a chat template without it")})
}

// exceeded reports an exceeded limit.
func (p pos) exceeded(what string, limit int) {
	panic(failure{p, fault.New(fault.TooLarge, "", "", "%s", what).WithLimit("%d", limit)})
}

// catch turns a failure into the error of an exported function. Other panics are bugs and continue.
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
