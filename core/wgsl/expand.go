package wgsl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Error says what is wrong with a template, and where.
type Error struct {
	File string // name of the template, without its extension
	Line int    // counted from 1; 0 when the file itself is the problem
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s.wgsl: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s.wgsl:%d: %v", e.File, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Limits of one expansion. They are far above what any shader needs, and turn a wrong size into an
// error before it exhausts the memory.
const (
	maxIncludes = 16      // nested
	maxBytes    = 8 << 20 // of output
	maxTurns    = 1 << 18 // of all loops together
)

// Expand returns the template file, expanded with values. source returns the text of a template by
// its name without ".wgsl". Errors are of type *Error; those in an included file name that file and
// the line in it.
func Expand(source func(name string) (string, error), file string, values Values) (string, error) {
	e := &expander{source: source, values: values, files: map[string][]line{}}
	if err := e.file(file, 0); err != nil {
		return "", err
	}
	return e.out.String(), nil
}

type binding struct {
	name  string
	value int
}

type expander struct {
	source func(name string) (string, error)
	values Values
	// scope holds what //#for and //#let have defined, the innermost last.
	scope []binding
	files map[string][]line
	out   strings.Builder
	turns int
}

func (e *expander) lookup(name string) (int, bool) {
	for i := len(e.scope) - 1; i >= 0; i-- {
		if e.scope[i].name == name {
			return e.scope[i].value, true
		}
	}
	v, ok := e.values[name]
	return v, ok
}

func (e *expander) file(name string, depth int) error {
	if depth > maxIncludes {
		return &Error{File: name, Err: errors.New("included in a cycle, or nested too deeply")}
	}
	lines, ok := e.files[name]
	if !ok {
		text, err := e.source(name)
		if err != nil {
			return &Error{File: name, Err: err}
		}
		lines = split(text)
		e.files[name] = lines
	}
	b := &block{expander: e, file: name, lines: lines, depth: depth}
	if err := b.run(0, len(lines)); err != nil {
		if _, placed := err.(*Error); placed {
			return err
		}
		return &Error{File: name, Line: b.line + 1, Err: err}
	}
	return nil
}

// block expands lines of one file.
type block struct {
	*expander
	file  string
	lines []line
	line  int // index of the line that an error is about
	depth int // of includes
}

// line is a line of a template.
type line struct {
	text string
	// word and rest are the parts of a directive; word is "" in a line of WGSL.
	word, rest string
}

func split(text string) []line {
	texts := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	lines := make([]line, len(texts))
	for i, s := range texts {
		lines[i].text = s
		if s, ok := strings.CutPrefix(strings.TrimSpace(s), "//#"); ok {
			word, rest, _ := strings.Cut(s, " ")
			lines[i].word, lines[i].rest = "#"+word, strings.TrimSpace(rest)
		}
	}
	return lines
}

// run expands lines from to to.
func (b *block) run(from, to int) error {
	for n := from; n < to; n++ {
		b.line = n
		word, rest := b.lines[n].word, b.lines[n].rest
		var err error
		switch word {
		case "":
			err = b.put(b.lines[n].text)
		case "#include":
			err = b.include(rest)
		case "#let":
			err = b.let(rest)
		case "#if":
			n, err = b.conditional(n, to)
		case "#for":
			n, err = b.loop(n, to, rest)
		case "#elif", "#else", "#endif":
			err = fmt.Errorf("//%s without //#if", word)
		case "#endfor":
			err = errors.New("//#endfor without //#for")
		default:
			err = fmt.Errorf("unknown directive //%s", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *block) include(name string) error {
	if !isName(name) {
		return fmt.Errorf("//#include needs the name of a file, not %q", name)
	}
	return b.expander.file(name, b.depth+1)
}

// define splits "NAME EXPR", evaluates the expression and checks that the name is new.
func (b *block) define(word, rest string) (name string, value int, err error) {
	name, expr, _ := strings.Cut(rest, " ")
	if !isName(name) || expr == "" {
		return "", 0, fmt.Errorf("//#%s needs a name and an expression, not %q", word, rest)
	}
	if _, taken := b.lookup(name); taken {
		return "", 0, fmt.Errorf("//#%s: the name %q already has a value", word, name)
	}
	value, err = evaluate(expr, b.lookup)
	return name, value, err
}

func (b *block) let(rest string) error {
	name, value, err := b.define("let", rest)
	if err == nil {
		b.scope = append(b.scope, binding{name, value})
	}
	return err
}

// conditional expands the chosen branch of the //#if in line n and returns the line of its
// //#endif.
func (b *block) conditional(n, to int) (end int, err error) {
	marks, err := b.branches(n, to)
	if err != nil {
		return n, err
	}
	for i, mark := range marks[:len(marks)-1] {
		b.line = mark
		word, expr := b.lines[mark].word, b.lines[mark].rest
		if word == "#else" {
			return marks[len(marks)-1], b.run(mark+1, marks[i+1])
		}
		v, err := evaluate(expr, b.lookup)
		if err != nil {
			return n, err
		}
		if v != 0 {
			return marks[len(marks)-1], b.run(mark+1, marks[i+1])
		}
	}
	return marks[len(marks)-1], nil
}

// branches finds the lines of //#if, its //#elif and //#else, and its //#endif.
func (b *block) branches(n, to int) ([]int, error) {
	marks, last := []int{n}, false
	for at := n + 1; at < to; at++ {
		word, rest := b.lines[at].word, b.lines[at].rest
		b.line = at
		switch word {
		case "#if", "#for":
			end, err := b.closing(at, to)
			if err != nil {
				return nil, err
			}
			at = end
		case "#elif", "#else":
			if last {
				return nil, fmt.Errorf("//%s after //#else", word)
			}
			if word == "#else" && rest != "" {
				return nil, fmt.Errorf("//#else takes no expression, not %q", rest)
			}
			last = word == "#else"
			marks = append(marks, at)
		case "#endif":
			return append(marks, at), nil
		case "#endfor":
			return nil, errors.New("//#endfor without //#for")
		}
	}
	b.line = n
	return nil, errors.New("//#if without //#endif")
}

// closing finds the end of the //#if or //#for in line n.
func (b *block) closing(n, to int) (int, error) {
	word := b.lines[n].word
	closing := "#end" + word[1:]
	depth := 0
	for at := n; at < to; at++ {
		switch b.lines[at].word {
		case word:
			depth++
		case closing:
			depth--
		}
		if depth == 0 {
			return at, nil
		}
	}
	b.line = n
	return n, fmt.Errorf("//%s without //%s", word, closing)
}

// loop expands the //#for in line n and returns the line of its //#endfor.
func (b *block) loop(n, to int, rest string) (int, error) {
	name, count, err := b.define("for", rest)
	if err != nil {
		return n, err
	}
	end, err := b.closing(n, to)
	if err != nil {
		return n, err
	}
	scope := len(b.scope)
	for i := range max(0, count) {
		if b.turns++; b.turns > maxTurns {
			return n, fmt.Errorf("loops take more than %d turns", maxTurns)
		}
		b.scope = append(b.scope, binding{name, i})
		if err := b.run(n+1, end); err != nil {
			return n, err
		}
		b.scope = b.scope[:scope]
	}
	return end, nil
}

// put writes a line with its placeholders replaced.
func (b *block) put(line string) error {
	if b.out.Len()+len(line) > maxBytes {
		return fmt.Errorf("the text is longer than %d bytes", maxBytes)
	}
	for {
		open := strings.IndexByte(line, '{')
		if open < 0 {
			break
		}
		size := strings.IndexFunc(line[open+1:], func(c rune) bool {
			return c >= 0x80 || !isNameByte(byte(c)) && !strings.ContainsRune("+-*/%()", c)
		})
		end := open + 1 + size
		if size <= 0 || line[end] != '}' {
			b.out.WriteString(line[:open+1])
			line = line[open+1:]
			continue
		}
		v, err := evaluate(line[open+1:end], b.lookup)
		if err != nil {
			return err
		}
		b.out.WriteString(line[:open])
		b.out.WriteString(strconv.Itoa(v))
		line = line[end+1:]
	}
	b.out.WriteString(line)
	b.out.WriteByte('\n')
	return nil
}
