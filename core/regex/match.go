package regex

import (
	"errors"
	"unicode/utf8"
)

// ErrTooSlow says that a pattern looks at the same text again and again.
var ErrTooSlow = errors.New("it takes time that grows with the square of the text's length")

// maxLooks is how often each character may be looked at, on average, in finding all matches. For a sound pattern it is once or twice.
const maxLooks = 64

// thread is a way of matching under way.
type thread struct{ at, from int } // its instruction; where its match began

// matcher is the state of a search.
type matcher struct {
	program
	text      string
	now, then []thread // at this place and at the next; who comes first is preferred
	seen      []int    // by instruction: the place, plus one, for which it has a thread
	looks     int      // characters that may still be looked at
}

// All reports the matches in s, in order, as byte ranges; empty ones included where no match ends. A byte that is not UTF-8 is
// seen as U+FFFD. With ErrTooSlow it stops early.
func (re *Regex) All(s string, match func(from, to int)) error {
	m := matcher{program: re.program, text: s, seen: make([]int, len(re.program)), looks: maxLooks * (len(s) + 1)}
	last := -1 // where a match ended
	for at := 0; at <= len(s); {
		from, to, ok := m.search(re.entry, at)
		if m.looks < 0 {
			return ErrTooSlow
		}
		if !ok {
			return nil
		}
		at = to
		if from == to {
			_, n := utf8.DecodeRuneInString(s[to:])
			at += max(n, 1)
			if to == last {
				continue
			}
		}
		match(from, to)
		last = to
	}
	return nil
}

// Match tells whether there is a match in s.
func (re *Regex) Match(s string) bool {
	m := matcher{program: re.program, text: s, seen: make([]int, len(re.program)), looks: len(s) + 1}
	_, _, ok := m.search(re.entry, 0)
	return ok
}

// search finds the first match at or behind a place.
func (m *matcher) search(entry, at int) (from, to int, ok bool) {
	m.now = m.now[:0]
	clear(m.seen)
	for {
		if !ok {
			m.follow(&m.now, thread{entry, at}, at)
		}
		if ok && len(m.now) == 0 || m.looks < 0 {
			return from, to, ok
		}
		m.looks--
		c, n := utf8.DecodeRuneInString(m.text[at:])
		m.then = m.then[:0]
		for _, t := range m.now {
			i := &m.program[t.at]
			if i.op == accept { // the threads behind it are not preferred
				from, to, ok = t.from, at, true
				break
			}
			if n > 0 && i.set.has(c) {
				m.follow(&m.then, thread{i.next, t.from}, at+n)
			}
		}
		m.now, m.then = m.then, m.now
		if n == 0 {
			return from, to, ok
		}
		at += n
	}
}

// follow goes through instructions that take no character, and adds the threads that wait for one or are done.
func (m *matcher) follow(threads *[]thread, t thread, at int) {
	if m.seen[t.at] == at+1 {
		return
	}
	m.seen[t.at] = at + 1
	i := &m.program[t.at]
	if i.op == accept || i.op == one {
		*threads = append(*threads, t)
		return
	}
	if i.op == fork || m.holds(i, at) {
		m.follow(threads, thread{i.next, t.from}, at)
	}
	if i.op == fork {
		m.follow(threads, thread{i.other, t.from}, at)
	}
}

// holds tells whether an assertion is true at a place.
func (m *matcher) holds(i *instruction, at int) bool {
	switch i.op {
	case lineBegin:
		return at == 0 || m.text[at-1] == '\n'
	case lineEnd:
		return at == len(m.text) || m.text[at] == '\n'
	}
	c, n := utf8.DecodeRuneInString(m.text[at:])
	return (n > 0 && i.set.has(c)) == (i.op == ahead)
}
