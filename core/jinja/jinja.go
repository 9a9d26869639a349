// Package jinja renders the part of Jinja that chat templates are written in, as the transformers library sets it up
// (trim_blocks and lstrip_blocks on, a sandbox without mutation, tojson, raise_exception and strftime_now).
//
// Templates come from strangers' model files. So there is no reflection and no way out of the values given; text, nesting, work and
// memory have limits, and what is not in the subset (macros, includes, recursion, format strings) is refused by name, line and
// column when the template is read, or where it is met if only then can it be known. Nothing is rendered approximately: a prompt
// that is a little wrong makes a model a little worse without a word.
//
// Reference: https://jinja.palletsprojects.com/en/stable/templates; tests hold the results to those of jinja2 and transformers.
package jinja

import (
	"time"

	"nextquill/core/fault"
)

// Limits. Published templates have up to 30 KB and take some dozens of steps a message.
const (
	maxSource  = 256 << 10 // bytes of a template
	maxNesting = 64        // of expressions, of statements, and of values that are printed or compared
	maxChain   = 512       // operators, attributes, calls or filters in a row
	maxSteps   = 1_000_000 // nodes evaluated in one rendering; long strings count as several
	maxMemory  = 64 << 20  // bytes of strings and lists made in one rendering, output included
	maxRange   = 100_000   // numbers of one range(), the sandbox's own limit
)

// Template is a template read and checked. It is safe for concurrent use.
type Template struct {
	name string
	body []stmt
}

// Vars are a template's variables: nil, bool, int64, float64, string, *Dict or *List.
type Vars map[string]any

// Parse reads a template; name is used in messages.
func Parse(name, source string) (t *Template, err error) {
	if len(source) > maxSource {
		return nil, fault.New(fault.TooLarge, name, "", "the template has %d bytes", len(source)).WithLimit("%d", maxSource)
	}
	defer catch(name, &err)
	p := &parser{toks: lex(source)}
	return &Template{name: name, body: p.template()}, nil
}

// Render evaluates the template. now is what strftime_now reads; without it the function is undefined, and templates that ask
// whether it is defined take the date they carry.
func (t *Template) Render(vars Vars, now func() time.Time) (text string, err error) {
	defer catch(t.name, &err)
	m := newMachine(vars, now)
	m.run(t.body)
	return m.out.String(), nil
}
