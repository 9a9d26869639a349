package jinja

import (
	"strings"
	"time"

	"nextquill/core/fault"
)

// machine is one rendering.
type machine struct {
	scope  *scope
	out    *strings.Builder
	at     pos // of the node at work, for messages
	steps  int // left
	memory int // bytes left
}

// scope holds the names of a loop's body, a with, or the template; what it does not have is looked for outside.
type scope struct {
	vars  map[string]value
	outer *scope
}

func newMachine(vars Vars, now func() time.Time) *machine {
	m := &machine{out: &strings.Builder{}, at: pos{1, 1}, steps: maxSteps, memory: maxMemory}
	m.scope = &scope{vars: map[string]value{}, outer: &scope{vars: vars, outer: &scope{vars: globals(now)}}}
	return m
}

// step pays for work.
func (m *machine) step(n int) {
	if m.steps -= n; m.steps < 0 {
		m.at.exceeded("the template runs for too long", maxSteps)
	}
}

// scan pays for reading a string.
func (m *machine) scan(s string) { m.step(1 + len(s)/64) }

// pay pays for bytes that are going to be made.
func (m *machine) pay(bytes int) {
	if m.memory -= bytes; m.memory < 0 || bytes < 0 {
		m.at.exceeded("the template makes too much text", maxMemory)
	}
}

// made pays for a string that was made no larger than some factor of what it came from.
func (m *machine) made(s string) string {
	m.scan(s)
	m.pay(len(s))
	return s
}

// listOf makes a list and pays for it.
func (m *machine) listOf(items []value) *List {
	m.pay(16 * len(items))
	return &List{items: items}
}

func (m *machine) write(s string) {
	m.pay(len(s))
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

// capture runs statements and gives what they print.
func (m *machine) capture(body []stmt) (string, signal) {
	outer := m.out
	m.out = &strings.Builder{}
	sig := m.run(body)
	s := m.out.String()
	m.out = outer
	return s, sig
}
