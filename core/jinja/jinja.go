// Package jinja renders the subset of Jinja that chat templates use, with the environment of the
// transformers library (trim_blocks and lstrip_blocks on, a sandbox without mutation, tojson,
// raise_exception and strftime_now).
//
// Templates come from untrusted model files. There is no reflection and no access beyond the given
// values. Text, nesting, calls, work and memory are limited. Constructs outside the subset
// (includes, recursive loops, format strings) are rejected by name, line and column: tags when the
// template is parsed, filters, tests and functions when they are used. Nothing is approximated,
// because a slightly wrong prompt makes a model slightly worse without any error.
//
// Reference: https://jinja.palletsprojects.com/en/stable/templates. Tests compare the results with
// those of jinja2 and transformers.
package jinja

import (
	"time"

	"nextquill/core/fault"
)

// Limits. Published templates have up to 30 KB and take some dozens of steps per message.
const (
	maxSource  = 256 << 10 // bytes of a template
	maxNesting = 64        // depth of expressions, statements, and values that are printed or compared
	maxChain   = 512       // operators, attributes, calls or filters in a row
	maxSteps   = 1_000_000 // nodes evaluated per rendering; long strings count as several
	maxMemory  = 64 << 20  // bytes of strings and lists created per rendering, including output
	maxRange   = 100_000   // numbers in one range(), as in Jinja's sandbox
)

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	name string
	body []stmt
}

// Vars are a template's variables: nil, bool, int64, float64, string, *Dict or *List.
type Vars map[string]any

// Parse parses a template; name appears in error messages.
func Parse(name, source string) (t *Template, err error) {
	if len(source) > maxSource {
		return nil, fault.New(fault.TooLarge, name, "", "the template has %d bytes", len(source)).
			WithLimit("%d", maxSource)
	}
	defer catch(name, &err)
	p := &parser{toks: lex(source)}
	return &Template{name: name, body: p.template()}, nil
}

// Render evaluates the template. now is the clock of strftime_now. If it is nil the function is
// undefined, and templates that check for it use their built-in date.
func (t *Template) Render(vars Vars, now func() time.Time) (text string, err error) {
	defer catch(t.name, &err)
	m := newMachine(vars, now)
	m.run(t.body)
	return m.out.String(), nil
}
