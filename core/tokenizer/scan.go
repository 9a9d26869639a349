package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// Nearly all byte-level models use one of these pre-tokenizer patterns. The scanners below match
// them in linear time, without a []rune copy, and many times faster than a backtracking engine.
// Tests compare them with one.
const (
	patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternQwen = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// patternLlama3 differs from patternQwen in that it takes up to three digits at a time.
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scanner returns the end of the match that starts at i. These patterns match at every position.
type scanner func(s string, i int) (end int)

var scanners = map[string]scanner{
	patternGPT2:   scanGPT2,
	patternQwen:   func(s string, i int) int { return scanGPT4(s, i, 1) },
	patternLlama3: func(s string, i int) int { return scanGPT4(s, i, 3) },
}

func (f scanner) split(s string, emit func(string)) {
	for i := 0; i < len(s); {
		end := f(s, i)
		emit(s[i:end])
		i = end
	}
}

type class uint8

const (
	none   class = iota // the end of the text
	letter              // \p{L}
	number              // \p{N}
	space               // \s
	other               // anything else, including invalid UTF-8
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for i := range t {
		t[i] = classOf(rune(i))
	}
	return t
}()

func classOf(c rune) class {
	switch {
	case unicode.IsLetter(c):
		return letter
	case unicode.IsNumber(c):
		return number
	case unicode.IsSpace(c):
		return space
	}
	return other
}

// at returns the class of the character at i, and its length in bytes.
func at(s string, i int) (class, int) {
	if i >= len(s) {
		return none, 0
	}
	if s[i] < utf8.RuneSelf {
		return asciiClass[s[i]], 1
	}
	c, n := utf8.DecodeRuneInString(s[i:])
	return classOf(c), n
}

// run returns the end of the run of characters of class k from i on.
func run(s string, i int, k class) int {
	for {
		c, n := at(s, i)
		if c != k {
			return i
		}
		i += n
	}
}

// contraction returns the length of 's 't 're 've 'm 'll 'd at i, or 0.
func contraction(s string, i int, fold bool) int {
	if s[i] != '\'' {
		return 0
	}
	next := func(j int) byte {
		if j >= len(s) {
			return 0
		}
		if c := s[j]; fold && c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return s[j]
	}
	switch c := next(i + 1); {
	case c == 's', c == 't', c == 'm', c == 'd':
		return 2
	case (c == 'r' || c == 'v') && next(i+2) == 'e', c == 'l' && next(i+2) == 'l':
		return 3
	case fold && len(s) >= i+3 && s[i+1:i+3] == "ſ": // case folding maps the long s to s
		return 3
	}
	return 0
}

// blank matches \s+(?!\S)|\s+: white space, without its last character if a non-space follows.
func blank(s string, i int) int {
	end := run(s, i, space)
	if end == len(s) {
		return end
	}
	_, n := utf8.DecodeLastRuneInString(s[i:end])
	if last := end - n; last > i {
		return last
	}
	return end
}

func scanGPT2(s string, i int) int {
	if n := contraction(s, i, false); n > 0 {
		return i + n
	}
	k, _ := at(s, i)
	if s[i] == ' ' {
		if next, _ := at(s, i+1); next != space && next != none {
			return run(s, i+1, next)
		}
	}
	if k == space {
		return blank(s, i)
	}
	return run(s, i, k)
}

func scanGPT4(s string, i, digits int) int {
	if n := contraction(s, i, true); n > 0 {
		return i + n
	}
	k, n := at(s, i)
	next, _ := at(s, i+n)
	newline := s[i] == '\r' || s[i] == '\n'
	switch {
	case k == letter:
		return run(s, i, letter)
	case k != number && !newline && next == letter:
		return run(s, i+n, letter)
	case k == number:
		end := i + n
		for d := 1; d < digits; d++ {
			k, n := at(s, end)
			if k != number {
				break
			}
			end += n
		}
		return end
	case k == other, s[i] == ' ' && next == other:
		end := run(s, i+n, other)
		for end < len(s) && (s[end] == '\r' || s[end] == '\n') {
			end++
		}
		return end
	}
	// \s*[\r
	// ]+ is greedy: it extends to the last line break of the white space.
	for end := run(s, i, space); end > i; end-- {
		if s[end-1] == '\r' || s[end-1] == '\n' {
			return end
		}
	}
	return blank(s, i)
}
