// Package jsonx is a strict RFC 8259 JSON pull parser over a byte slice. It keeps the order of
// members and builds no tree.
//
// encoding/json hides what the callers need: the order of keys (the context of a history item),
// repeated keys (two tensors with one name) and invalid Unicode (replaced by U+FFFD). It is also
// several times slower on the hundreds of thousands of small strings in a tokenizer.json.
package jsonx

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth limits nesting, and with it the use of stack.
const MaxDepth = 64

// Error is a syntax error, or a value of another type than requested.
type Error struct {
	Off int // byte offset in the input
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Off, e.Msg) }

// Reader is a position in a JSON text.
type Reader struct {
	b     []byte
	pos   int
	depth int
}

// NewReader reads b, which must not change while the Reader is in use.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Off is the byte offset of the next unread byte.
func (r *Reader) Off() int { return r.pos }

func (r *Reader) fail(off int, format string, args ...any) error {
	return &Error{Off: off, Msg: fmt.Sprintf(format, args...)}
}

func (r *Reader) space() {
	for r.pos < len(r.b) {
		switch r.b[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// Peek returns the first byte of the next value: one of { [ " t f n, a minus or a digit in valid
// JSON, 0 at the end.
func (r *Reader) Peek() byte {
	r.space()
	if r.pos < len(r.b) {
		return r.b[r.pos]
	}
	return 0
}

func (r *Reader) unexpected(want string) error {
	if c := r.Peek(); c != 0 || r.pos < len(r.b) {
		return r.fail(r.pos, "%s expected, found %q", want, c)
	}
	return r.fail(r.pos, "%s expected, found the end of the text", want)
}

func (r *Reader) take(c byte) bool {
	if r.Peek() == c && r.pos < len(r.b) {
		r.pos++
		return true
	}
	return false
}

// End checks that only white space is left.
func (r *Reader) End() error {
	if r.Peek(); r.pos < len(r.b) {
		return r.unexpected("the end of the text")
	}
	return nil
}

// Object calls member for each key, in order; member must read exactly one value. Object does not
// check for repeated keys.
func (r *Reader) Object(member func(key string) error) error {
	return r.list('{', '}', "an object", func(int) error {
		if r.Peek() != '"' {
			return r.unexpected("a key")
		}
		key, err := r.String()
		if err != nil {
			return err
		}
		if !r.take(':') {
			return r.unexpected("a colon")
		}
		return member(key)
	})
}

// Array calls element with each index, in order; element must read exactly one value.
func (r *Reader) Array(element func(i int) error) error { return r.list('[', ']', "an array", element) }

func (r *Reader) list(open, end byte, what string, item func(i int) error) error {
	if !r.take(open) {
		return r.unexpected(what)
	}
	if r.depth++; r.depth > MaxDepth {
		return r.fail(r.pos, "nested deeper than %d", MaxDepth)
	}
	if !r.take(end) {
		for i := 0; ; i++ {
			if err := item(i); err != nil {
				return err
			}
			if r.take(',') {
				continue
			}
			if r.take(end) {
				break
			}
			return r.unexpected(fmt.Sprintf("a comma or %q", end))
		}
	}
	r.depth--
	return nil
}

// Null consumes a null if that is the next value.
func (r *Reader) Null() bool { return r.Peek() == 'n' && r.literal("null") }

func (r *Reader) literal(s string) bool {
	if !bytes.HasPrefix(r.b[r.pos:], []byte(s)) {
		return false
	}
	r.pos += len(s)
	return true
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	switch c := r.Peek(); {
	case c == 't' && r.literal("true"):
		return true, nil
	case c == 'f' && r.literal("false"):
		return false, nil
	}
	return false, r.unexpected("true or false")
}

// number returns the text of the next number, and whether it is an integer.
func (r *Reader) number() (text string, integer bool, err error) {
	r.space()
	start, b := r.pos, r.b
	p := r.pos
	digits := func() bool {
		from := p
		for p < len(b) && b[p] >= '0' && b[p] <= '9' {
			p++
		}
		return p > from
	}
	if p < len(b) && b[p] == '-' {
		p++
	}
	zero := p < len(b) && b[p] == '0'
	first := p
	if !digits() {
		return "", false, r.unexpected("a number")
	}
	if zero && p > first+1 {
		return "", false, r.fail(start, "a number with a leading zero")
	}
	integer = true
	if p < len(b) && b[p] == '.' {
		p++
		integer = false
		if !digits() {
			return "", false, r.fail(start, "a number without digits after its decimal point")
		}
	}
	if p < len(b) && (b[p] == 'e' || b[p] == 'E') {
		p++
		integer = false
		if p < len(b) && (b[p] == '+' || b[p] == '-') {
			p++
		}
		if !digits() {
			return "", false, r.fail(start, "a number without digits in its exponent")
		}
	}
	r.pos = p
	return string(b[start:p]), integer, nil
}

// Int reads an integer without fraction or exponent.
func (r *Reader) Int() (int64, error) {
	r.space()
	start := r.pos
	s, integer, err := r.number()
	if err != nil {
		return 0, err
	}
	if !integer {
		return 0, r.fail(start, "an integer expected, found %s", s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, r.fail(start, "the integer does not fit in 64 bits")
	}
	return n, nil
}

// Float reads any finite number.
func (r *Reader) Float() (float64, error) {
	r.space()
	start := r.pos
	s, _, err := r.number()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, r.fail(start, "the number is out of range")
	}
	return f, nil
}

// String reads a string. Invalid UTF-8 and unpaired surrogate escapes are errors.
func (r *Reader) String() (string, error) {
	if !r.take('"') {
		return "", r.unexpected("a string")
	}
	start := r.pos
	ascii := true
	for p := start; p < len(r.b); p++ {
		switch c := r.b[p]; {
		case c == '"':
			r.pos = p + 1
			if !ascii && !utf8.Valid(r.b[start:p]) {
				return "", r.invalid(start, p)
			}
			return string(r.b[start:p]), nil
		case c == '\\':
			return r.escaped(start, p)
		case c < ' ':
			return "", r.fail(p, "a control character inside a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", r.fail(start, "an unterminated string")
}

// invalid reports the first byte in [from, to) that is not UTF-8.
func (r *Reader) invalid(from, to int) error {
	for from < to {
		c, n := utf8.DecodeRune(r.b[from:to])
		if c == utf8.RuneError && n == 1 {
			break
		}
		from += n
	}
	return r.fail(from, "invalid UTF-8 (byte 0x%02x)", r.b[from])
}

var simpleEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads the rest of a string whose first backslash is at p.
func (r *Reader) escaped(start, p int) (string, error) {
	out := append([]byte(nil), r.b[start:p]...)
	for p < len(r.b) {
		switch c := r.b[p]; {
		case c == '"':
			r.pos = p + 1
			if !utf8.Valid(out) {
				return "", r.invalid(start, p)
			}
			return string(out), nil
		case c < ' ':
			return "", r.fail(p, "a control character inside a string")
		case c != '\\':
			out = append(out, c)
			p++
		case p+1 < len(r.b) && simpleEscape[r.b[p+1]] != 0:
			out = append(out, simpleEscape[r.b[p+1]])
			p += 2
		default:
			u, ok := r.hex(p)
			if !ok {
				return "", r.fail(p, "an unknown escape")
			}
			n := 6
			if utf16.IsSurrogate(u) {
				low, _ := r.hex(p + 6)
				if u = utf16.DecodeRune(u, low); u == utf8.RuneError {
					return "", r.fail(p, "an unpaired surrogate")
				}
				n = 12
			}
			out = utf8.AppendRune(out, u)
			p += n
		}
	}
	return "", r.fail(start, "an unterminated string")
}

// hex reads the \uXXXX at p.
func (r *Reader) hex(p int) (rune, bool) {
	if p+6 > len(r.b) || r.b[p] != '\\' || r.b[p+1] != 'u' {
		return 0, false
	}
	var u rune
	for _, c := range r.b[p+2 : p+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

// Raw returns the bytes of the next value, after a syntax check.
func (r *Reader) Raw() ([]byte, error) {
	r.space()
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.b[start:r.pos], nil
}

// Skip passes over the next value, with a syntax check.
func (r *Reader) Skip() error {
	switch c := r.Peek(); {
	case c == '{':
		return r.Object(func(string) error { return r.Skip() })
	case c == '[':
		return r.Array(func(int) error { return r.Skip() })
	case c == '"':
		_, err := r.String()
		return err
	case c == 't' || c == 'f':
		_, err := r.Bool()
		return err
	case c == 'n' && r.Null():
		return nil
	case c == '-' || c >= '0' && c <= '9':
		_, _, err := r.number()
		return err
	}
	return r.unexpected("a value")
}

// Offset returns the byte offset of the Error in err's chain, or -1.
func Offset(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Off
	}
	return -1
}
