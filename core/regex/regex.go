// Package regex finds the matches of patterns that come in models' files: the part of Oniguruma's syntax that tokenizer.json files
// use, with Oniguruma's meaning. Anything else is refused by name.
//
//	x|y  xy  (x)  (?:x)  (?i:x)            groups; (?i) ignores case by simple folding
//	x?  x*  x+  x{n}  x{n,}  x{n,m}  x*?   repetition, lazy ones included; [a]++ possessive, of single characters
//	.  [a-z]  [^a]  \n  \u00e9  \x{e9}     characters; . is anything but a line feed
//	\s  \d  \w  \p{L}  and their opposites by Unicode's properties
//	(?=[a])  (?!\S)  ^  $                  the next character; the begin and end of a line
//
// A pattern is run as Thompson's automaton with threads in order of preference (Pike 1987; Cox 2009), so that a match takes time
// proportional to the text it looks at, whatever the pattern: the files come from strangers. The standard library's regexp does
// the same, but has no look-ahead, and is ten times the code.
package regex

import "errors"

// Limits on a pattern: instructions after counted repetitions are spelled out, and groups inside each other.
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

// Compile reads a pattern. The error says what in it is not understood.
func Compile(pattern string) (*Regex, error) {
	p := parser{rest: pattern}
	root, err := p.alternatives(0)
	if err == nil && p.rest != "" {
		err = errors.New(`a ")" that closes nothing`)
	}
	if err != nil {
		return nil, err
	}
	var re Regex
	re.entry = root.emit(&re.program, re.program.add(instruction{op: accept}))
	return &re, nil
}
