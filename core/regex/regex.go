// Package regex matches the patterns of tokenizer.json files. It supports the part of Oniguruma's
// syntax that these use, with Oniguruma's meaning, and rejects everything else.
//
//	x|y  xy  (x)  (?:x)  (?i:x)            groups; (?i) ignores case by simple folding
//	x?  x*  x+  x{n}  x{n,}  x{n,m}  x*?   repetition, also lazy
//	[a]?+  [a]*+  [a]++                    possessive repetition of single characters
//	.  [a-z]  [^a]  \n  \u00e9  \x{e9}     characters; . is anything but a line feed
//	\s  \d  \w  \p{L}                      Unicode properties, and their opposites
//	(?=[a])  (?!\S)  ^  $                  the next character; the start and end of a line
//
// Patterns run as Thompson automata with threads in order of preference (Pike 1987; Cox 2009). The
// files are untrusted, and this bounds the time for every pattern. The standard library's regexp
// works in the same way, but it has no lookahead and ten times the code.
package regex

import "errors"

// Limits on a pattern: instructions after expansion of counted repetitions, and depth of nested
// groups.
const (
	maxProgram = 4096
	maxRepeat  = 1000
	maxNesting = 100
)

// Regex is a compiled pattern. It is safe for concurrent use.
type Regex struct {
	program program
	entry   int
}

// Compile parses a pattern. The error names the part that is not supported.
func Compile(pattern string) (*Regex, error) {
	p := parser{rest: pattern}
	root, err := p.alternatives(0)
	if err == nil && p.rest != "" {
		err = errors.New(`an unmatched ")"`)
	}
	if err != nil {
		return nil, err
	}
	var re Regex
	re.entry = root.emit(&re.program, re.program.add(instruction{op: accept}))
	return &re, nil
}
