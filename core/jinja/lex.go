package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"nextquill/core/fault"
)

type kind uint8

const (
	tokEOF      kind = iota
	tokData          // template text
	tokOpen          // {{
	tokClose         // }}
	tokTag           // {%
	tokTagEnd        // %}
	tokName          // identifier or keyword
	tokString        // value in text, with escapes resolved
	tokInt           // value in text, as written
	tokFloat         // value in text, as written
	tokOperator      // text is the operator
)

type token struct {
	kind kind
	text string
	pos
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "the end of the template"
	case tokData:
		return "text"
	case tokOpen:
		return "{{"
	case tokClose:
		return "}}"
	case tokTag:
		return "{%"
	case tokTagEnd:
		return "%}"
	}
	return fault.Quote(t.text)
}

// lexer splits the source into tokens.
type lexer struct {
	src  string
	at   int
	toks []token
	// Line of at, and offset of the start of that line.
	line, lineStart int
}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func lex(source string) []token {
	source = strings.TrimSuffix(newlines.Replace(source), "\n") // keep_trailing_newline is off
	l := &lexer{src: source, line: 1}
	for l.at < len(l.src) {
		l.text()
	}
	l.emit(tokEOF, "", l.pos())
	return l.toks
}

func (l *lexer) pos() pos { return pos{l.line, l.at - l.lineStart + 1} }

func (l *lexer) emit(k kind, text string, p pos) { l.toks = append(l.toks, token{k, text, p}) }

// advance moves to a position.
func (l *lexer) advance(to int) {
	if n := strings.Count(l.src[l.at:to], "\n"); n > 0 {
		l.line += n
		l.lineStart = l.at + strings.LastIndexByte(l.src[l.at:to], '\n') + 1
	}
	l.at = to
}

// text reads template text up to the next tag, and the tag.
func (l *lexer) text() {
	begin := l.at
	end := begin
	for ; end < len(l.src); end++ {
		if l.src[end] == '{' && end+1 < len(l.src) && strings.IndexByte("{%#", l.src[end+1]) >= 0 {
			break
		}
	}
	data, p := l.src[begin:end], l.pos()
	if end == len(l.src) {
		l.data(data, p)
		l.advance(end)
		return
	}
	opener, sign := l.src[end+1], byte(0)
	if end+2 < len(l.src) {
		sign = l.src[end+2]
	}
	switch {
	case sign == '-':
		data = strings.TrimRightFunc(data, isSpace)
	case sign != '+' && opener != '{':
		data = l.lstrip(data, begin)
	}
	l.data(data, p)
	l.advance(end)
	open := l.pos()
	next := end + 2
	if sign == '-' || sign == '+' {
		next++
	}
	l.advance(next)
	switch opener {
	case '#':
		l.comment(open)
	case '{':
		l.emit(tokOpen, "", open)
		l.code(tokClose, "}}", open)
	default:
		if !l.raw(open) {
			l.emit(tokTag, "", open)
			l.code(tokTagEnd, "%}", open)
		}
	}
}

// lstrip drops the white space between the start of a line and a tag (lstrip_blocks). begin is the
// position of data in the source.
func (l *lexer) lstrip(data string, begin int) string {
	from := strings.LastIndexByte(data, '\n') + 1
	if from == 0 && begin > 0 && l.src[begin-1] != '\n' {
		return data
	}
	if strings.TrimLeftFunc(data[from:], isSpace) == "" {
		return data[:from]
	}
	return data
}

func (l *lexer) data(text string, p pos) {
	if text != "" {
		l.emit(tokData, text, p)
	}
}

// closed consumes the end of a tag if it is next: closer, with an optional - or + before it. A
// minus strips the white space that follows. The first newline after a tag is dropped
// (trim_blocks), but not after an expression.
func (l *lexer) closed(closer string) bool {
	rest := l.src[l.at:]
	switch {
	case strings.HasPrefix(rest, closer):
		next := l.at + len(closer)
		if closer != "}}" && strings.HasPrefix(l.src[next:], "\n") {
			next++
		}
		l.advance(next)
	case strings.HasPrefix(rest, "-"+closer):
		after := strings.TrimLeftFunc(rest[1+len(closer):], isSpace)
		l.advance(len(l.src) - len(after))
	case closer != "}}" && strings.HasPrefix(rest, "+"+closer):
		l.advance(l.at + 1 + len(closer))
	default:
		return false
	}
	return true
}

func (l *lexer) comment(open pos) {
	for ; l.at < len(l.src); l.advance(l.at + 1) {
		if l.closed("#}") {
			return
		}
	}
	open.syntax("the comment {# is not closed")
}

// raw reads {% raw %} to {% endraw %}, whose content is text.
func (l *lexer) raw(open pos) bool {
	if !l.word("raw", true) {
		return false
	}
	begin, p := l.at, l.pos()
	for ; l.at < len(l.src); l.advance(l.at + 1) {
		if !strings.HasPrefix(l.src[l.at:], "{%") {
			continue
		}
		end, back := l.at, *l
		sign := byte(0)
		if end+2 < len(l.src) {
			sign = l.src[end+2]
		}
		l.advance(end + 2)
		if sign == '-' || sign == '+' {
			l.advance(end + 3)
		}
		if !l.word("endraw", false) {
			*l = back
			continue
		}
		data := l.src[begin:end]
		if sign == '-' {
			data = strings.TrimRightFunc(data, isSpace)
		} else if sign != '+' {
			data = l.lstrip(data, begin)
		}
		l.data(data, p)
		return true
	}
	open.syntax("{%% raw %%} has no {%% endraw %%}")
	return false
}

// word consumes a tag that consists of a name, including the end of the tag.
func (l *lexer) word(name string, begins bool) bool {
	back := *l
	l.space()
	if strings.HasPrefix(l.src[l.at:], name) {
		l.advance(l.at + len(name))
		l.space()
		at := l.at
		if l.closed("%}") {
			if begins && l.src[at] == '%' { // the reference keeps a newline after {% raw %}
				*l = back
				l.advance(at + 2)
			}
			return true
		}
	}
	*l = back
	return false
}

func (l *lexer) space() {
	rest := strings.TrimLeftFunc(l.src[l.at:], isSpace)
	l.advance(len(l.src) - len(rest))
}

// code reads the tokens of a tag or an expression up to closer. closer is ignored inside brackets.
func (l *lexer) code(end kind, closer string, open pos) {
	var brackets []byte
	for {
		l.space()
		p := l.pos()
		if l.at == len(l.src) {
			open.syntax("%s is missing", closer)
		}
		if len(brackets) == 0 && l.closed(closer) {
			l.emit(end, "", p)
			return
		}
		c := l.src[l.at]
		switch {
		case c == '"' || c == '\'':
			l.string(p, c)
		case c >= '0' && c <= '9':
			l.number(p)
		case isNameStart(l.src[l.at:]):
			n := 0
			for n < len(l.src)-l.at && isNamePart(l.src[l.at+n:]) {
				_, size := utf8.DecodeRuneInString(l.src[l.at+n:])
				n += size
			}
			l.emit(tokName, l.src[l.at:l.at+n], p)
			l.advance(l.at + n)
		default:
			op := operator(l.src[l.at:])
			if op == "" {
				_, size := utf8.DecodeRuneInString(l.src[l.at:])
				p.syntax("unexpected %s", fault.Quote(l.src[l.at:l.at+size]))
			}
			switch op {
			case "(", "[", "{":
				brackets = append(brackets, op[0])
			case ")", "]", "}":
				opener := "([{"[strings.Index(")]}", op)]
				if len(brackets) == 0 || brackets[len(brackets)-1] != opener {
					p.syntax("unexpected %q", op)
				}
				brackets = brackets[:len(brackets)-1]
			}
			l.emit(tokOperator, op, p)
			l.advance(l.at + len(op))
		}
	}
}

// operators are sorted so that longer ones precede their prefixes.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
	">", "<", "=",
	".", ":", "|", ",", ";"}

func operator(s string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func isNameStart(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return c == '_' || unicode.IsLetter(c)
}

func isNamePart(s string) bool {
	c, n := utf8.DecodeRuneInString(s)
	return isNameStart(s) || n > 0 && (unicode.IsDigit(c) || unicode.Is(unicode.Mn, c))
}

// isSpace is Python's str.isspace: Go's white space and the four ASCII separators.
func isSpace(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }
