package jinja

// expr is an expression; eval is in eval.go.
type expr interface{ eval(m *machine) value }

// stmt is a statement; exec is in exec.go.
type stmt interface{ exec(m *machine) signal }

type (
	literal struct{ v value }
	name    struct {
		pos
		id string
	}
	sequence struct { // [a, b] or (a, b)
		pos
		items []expr
		tuple bool
	}
	mapping struct {
		pos
		keys, values []expr
	}
	attribute struct { // of.name
		pos
		of   expr
		name string
	}
	subscript struct { // of[index]
		pos
		of, index expr
	}
	slice struct { // of[low:high:step], each may be nil
		pos
		of, low, high, step expr
	}
	call struct { // of(args)
		pos
		of   expr
		args arguments
	}
	filtered struct { // of|name(args)
		pos
		of   expr
		name string
		args arguments
	}
	tested struct { // of is name(args)
		pos
		of   expr
		name string
		args arguments
	}
	unary struct { // not, -, +
		pos
		op string
		x  expr
	}
	logic struct { // and, or
		pos
		op   string
		x, y expr
	}
	binary struct { // + - * / // % ** ~
		pos
		op   string
		x, y expr
	}
	comparison struct { // x op y op z
		pos
		x   expr
		ops []string
		ys  []expr
	}
	conditional struct { // then if cond else otherwise, which may be nil
		pos
		cond, then, otherwise expr
	}
)

// arguments are those of a call, a filter or a test.
type arguments struct {
	list  []expr
	names []string // names of the last len(names) items of list
}

type (
	text   struct{ s string }
	output struct {
		pos
		x expr
	}
	branch struct { // if: the first condition that is true, or otherwise
		conds     []expr
		bodies    [][]stmt
		otherwise []stmt
	}
	loop struct {
		pos
		targets  []string
		unpack   bool // each target gets one part of an item
		in, cond expr // cond may be nil
		body     []stmt
		empty    []stmt
	}
	assign struct { // set x = …, set ns.x = …, set a, b = …
		pos
		targets []target
		unpack  bool
		x       expr   // nil for the form with a body
		body    []stmt // its output is the value
		filters []*filtered
	}
	scoped struct { // with, generation: names set inside are local
		targets []string
		values  []expr
		body    []stmt
	}
	jump struct{ signal }
)

// target is an assignment target: a name, or an attribute of a namespace.
type target struct {
	pos
	name, attr string
}

// signal tells how a statement ended.
type signal uint8

const (
	goesOn signal = iota
	breaks
	continues
)
