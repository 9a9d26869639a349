package regex

import (
	"errors"
	"unicode/utf8"
)

// ErrTooSlow reports that a pattern reads the same text again and again.
var ErrTooSlow = errors.New("matching takes quadratic time")

// maxVisits is the average number of times that a search may read each character. Reasonable
// patterns need one or two.
const maxVisits = 64

// thread is a match in progress.
type thread struct{ at, from int } // its instruction; the start of its match

// matcher is the state of a search.
type matcher struct {
	program
	text          string
	current, next []thread // threads at this position and the next, in order of preference
	seen          []int    // by instruction: the position of its thread, plus one
	visitsLeft    int      // characters that may still be read
}

// All reports the matches in s in order, as byte ranges. It includes empty matches, except at the
// end of another match. Invalid UTF-8 bytes are matched as U+FFFD. It stops early with ErrTooSlow.
func (re *Regex) All(s string, match func(from, to int)) error {
	m := matcher{program: re.program, text: s, seen: make([]int, len(re.program)), visitsLeft: maxVisits * (len(s) + 1)}
	last := -1 // end of the last match
	for at := 0; at <= len(s); {
		from, to, ok := m.search(re.entry, at)
		if m.visitsLeft < 0 {
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

// Match reports whether there is a match in s.
func (re *Regex) Match(s string) bool {
	m := matcher{program: re.program, text: s, seen: make([]int, len(re.program)), visitsLeft: len(s) + 1}
	_, _, ok := m.search(re.entry, 0)
	return ok
}

// search finds the first match that starts at or after a position.
func (m *matcher) search(entry, at int) (from, to int, ok bool) {
	m.current = m.current[:0]
	clear(m.seen)
	for {
		if !ok {
			m.addThreads(&m.current, thread{entry, at}, at)
		}
		if ok && len(m.current) == 0 || m.visitsLeft < 0 {
			return from, to, ok
		}
		m.visitsLeft--
		c, n := utf8.DecodeRuneInString(m.text[at:])
		m.next = m.next[:0]
		for _, t := range m.current {
			i := &m.program[t.at]
			if i.op == accept { // later threads have lower preference
				from, to, ok = t.from, at, true
				break
			}
			if n > 0 && i.set.has(c) {
				m.addThreads(&m.next, thread{i.next, t.from}, at+n)
			}
		}
		m.current, m.next = m.next, m.current
		if n == 0 {
			return from, to, ok
		}
		at += n
	}
}

// addThreads follows instructions that consume no character. It adds the threads that wait for a
// character or have matched.
func (m *matcher) addThreads(threads *[]thread, t thread, at int) {
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
		m.addThreads(threads, thread{i.next, t.from}, at)
	}
	if i.op == fork {
		m.addThreads(threads, thread{i.other, t.from}, at)
	}
}

// holds reports whether an assertion is true at a position.
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
