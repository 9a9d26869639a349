package jinja

import "slices"

// macro is {% macro name(param, param=default) %}. A call renders the body and returns its text.
type macro struct {
	pos
	name     string
	params   []string
	defaults []expr // of the last params
	body     []stmt
	// Whether the body uses varargs or kwargs. Then a call may have more arguments.
	varargs, kwargs bool
}

// maxCalls bounds the depth of macros that call macros.
const maxCalls = 100

func (p *parser) macro(at token) stmt {
	s := &macro{pos: at.pos, name: p.expect(tokName, "", "the name of a macro").text}
	p.op("(")
	for !p.skip(tokOperator, ")") {
		if len(s.params) > 0 {
			p.op(",")
		}
		t := p.expect(tokName, "", "the name of a parameter")
		if slices.Contains(s.params, t.text) {
			t.syntax("the parameter %s appears twice", t.text)
		}
		if inList(" varargs kwargs caller ", t.text) {
			t.unsupported("a parameter with the name %s", t.text)
		}
		s.params = append(s.params, t.text)
		if p.skip(tokOperator, "=") {
			s.defaults = append(s.defaults, p.expression(true))
		} else if len(s.defaults) > 0 {
			t.syntax("a parameter without a default follows one with a default")
		}
	}
	loops := p.loops
	p.loops = 0 // break and continue do not leave a macro
	p.macros = append(p.macros, s)
	s.body, _ = p.block("endmacro")
	p.macros = p.macros[:len(p.macros)-1]
	p.loops = loops
	return s
}

// use notes that the macros that are being read use a name.
func (p *parser) use(name string) {
	for _, s := range p.macros {
		s.varargs = s.varargs || name == "varargs"
		s.kwargs = s.kwargs || name == "kwargs"
	}
}

// exec defines the macro. Names in its body are those of the place where it is defined, with the
// values that they have when it is called.
func (s *macro) exec(m *machine) signal {
	scope := m.scope
	scope.vars[s.name] = function{s.name, func(m *machine, a *args) value { return s.call(m, scope, a) }}
	return goesOn
}

func (s *macro) call(m *machine, outer *scope, a *args) value {
	if m.calls++; m.calls > maxCalls {
		m.at.exceeded("macros call each other too deeply", maxCalls)
	}
	caller := m.scope
	m.scope = &scope{vars: map[string]value{"caller": &undefined{"caller"}}, outer: outer}
	s.bind(m, a)
	text, _ := m.capture(s.body)
	m.scope = caller
	m.calls--
	return text
}

// bind sets the parameters. A default may use the parameters before it; those after it are
// undefined until they are set.
func (s *macro) bind(m *machine, a *args) {
	given := min(len(a.list), len(s.params))
	named := NewDict()
	for i, name := range a.names {
		if name == "caller" {
			m.at.unsupported("the argument caller")
		}
		named.Set(name, a.named[i])
	}
	values := make([]*value, len(s.params))
	for i, name := range s.params {
		m.scope.vars[name] = &undefined{"the parameter " + name}
		if i < given {
			values[i] = &a.list[i]
		} else if v, ok := named.values[name]; ok {
			values[i] = &v
			delete(named.values, name)
			named.keys = slices.DeleteFunc(named.keys, func(key string) bool { return key == name })
		}
		if values[i] != nil {
			m.scope.vars[name] = *values[i]
		}
	}
	if len(a.list) > given && !s.varargs {
		m.fail("%s takes %d arguments, but got %d", s.name, len(s.params), len(a.list))
	}
	if len(named.keys) > 0 && !s.kwargs {
		m.fail("%s has no parameter %s, or got it twice", s.name, named.keys[0])
	}
	if s.varargs {
		rest := m.listOf(slices.Clone(a.list[given:]))
		rest.kind = tuple
		m.scope.vars["varargs"] = rest
	}
	if s.kwargs {
		m.alloc(64 * len(named.keys))
		m.scope.vars["kwargs"] = named
	}
	at := m.at
	for i, x := range s.defaults {
		if n := len(s.params) - len(s.defaults) + i; values[n] == nil {
			m.scope.vars[s.params[n]] = x.eval(m)
		}
	}
	m.at = at
}
