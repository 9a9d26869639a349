package jinja

import (
	"strings"
	"time"

	"nextquill/core/fault"
)

// machine is the state of one rendering.
type machine struct {
	scope  *scope
	out    *strings.Builder
	at     pos // of the current node, for error messages
	steps  int // remaining
	memory int // remaining bytes
	calls  int // depth of macro calls
}

// scope holds the names of a loop body, a with block, or the template. Missing names are looked up
// in the outer scope.
type scope struct {
	vars  map[string]value
	outer *scope
}

func newMachine(vars Vars, now func() time.Time) *machine {
	m := &machine{out: &strings.Builder{}, at: pos{1, 1}, steps: maxSteps, memory: maxMemory}
	m.scope = &scope{vars: map[string]value{}, outer: &scope{vars: vars, outer: &scope{vars: globals(now)}}}
	return m
}

// step counts n units of work and enforces maxSteps.
func (m *machine) step(n int) {
	if m.steps -= n; m.steps < 0 {
		m.at.exceeded("the template runs for too long", maxSteps)
	}
}

// scan counts the work of reading a string.
func (m *machine) scan(s string) { m.step(1 + len(s)/64) }

// alloc counts bytes that are about to be allocated and enforces maxMemory.
func (m *machine) alloc(bytes int) {
	if m.memory -= bytes; m.memory < 0 || bytes < 0 {
		m.at.exceeded("the template produces too much text", maxMemory)
	}
}

// allocated counts a string that is already allocated. Use it only if the string's size is at most
// a constant factor of its source's.
func (m *machine) allocated(s string) string {
	m.scan(s)
	m.alloc(len(s))
	return s
}

// listOf returns a list and counts its memory.
func (m *machine) listOf(items []value) *List {
	m.alloc(16 * len(items))
	return &List{items: items}
}

func (m *machine) write(s string) {
	m.alloc(len(s))
	m.out.WriteString(s)
}

func (m *machine) fail(format string, args ...any) { m.at.fail(fault.Malformed, format, args...) }

func (m *machine) get(name string) value {
	for s := m.scope; s != nil; s = s.outer {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return &undefined{fault.Quote(name)}
}

// enter opens a scope, leave closes it.
func (m *machine) enter() { m.scope = &scope{vars: map[string]value{}, outer: m.scope} }

func (m *machine) leave() { m.scope = m.scope.outer }

func (m *machine) run(body []stmt) signal {
	for _, s := range body {
		m.step(1)
		if sig := s.exec(m); sig != goesOn {
			return sig
		}
	}
	return goesOn
}

// capture runs statements and returns their output.
func (m *machine) capture(body []stmt) (string, signal) {
	outer := m.out
	m.out = &strings.Builder{}
	sig := m.run(body)
	s := m.out.String()
	m.out = outer
	return s, sig
}
