package regex

// op is an instruction's operation.
type op uint8

const (
	accept   op = iota
	one         // consumes a character in set
	fork        // continues at next, and at other if that fails
	ahead       // continues if the next character is in set
	notAhead    // continues if there is no next character in set
	lineBegin
	lineEnd
)

type instruction struct {
	op          op
	set         *set
	next, other int
}

type program []instruction

func (p *program) add(i instruction) int {
	*p = append(*p, i)
	return len(*p) - 1
}

// node is a part of a pattern. emit writes it to a program so that it continues at instruction
// then, and returns its first instruction.
type node struct {
	emit  func(p *program, then int) int
	size  int  // instructions
	empty bool // it can match the empty string
	set   *set // not nil for a single character
}

func single(s *set) node {
	return node{size: 1, set: s, emit: func(p *program, then int) int {
		return p.add(instruction{op: one, set: s, next: then})
	}}
}

// assertion consumes no character.
func assertion(o op, s *set) node {
	return node{size: 1, empty: true, emit: func(p *program, then int) int {
		return p.add(instruction{op: o, set: s, next: then})
	}}
}

func sequence(parts []node) node {
	n := node{empty: true}
	for _, part := range parts {
		n.empty = n.empty && part.empty
		n.size += part.size
	}
	n.emit = func(p *program, then int) int {
		for i := len(parts) - 1; i >= 0; i-- {
			then = parts[i].emit(p, then)
		}
		return then
	}
	return n
}

func either(a, b node) node {
	return node{size: 1 + a.size + b.size, empty: a.empty || b.empty, emit: func(p *program, then int) int {
		return p.add(instruction{op: fork, next: a.emit(p, then), other: b.emit(p, then)})
	}}
}

// optional is x? or, if lazy, x??.
func optional(n node, lazy bool) node {
	nothing := sequence(nil)
	if lazy {
		return either(nothing, n)
	}
	return either(n, nothing)
}

// star is x* or, if lazy, x*?.
func star(n node, lazy bool) node {
	return node{size: 1 + n.size, empty: true, emit: func(p *program, then int) int {
		at := p.add(instruction{op: fork, next: then, other: then})
		if body := n.emit(p, at); lazy {
			(*p)[at].other = body
		} else {
			(*p)[at].next = body
		}
		return at
	}}
}

// repeat is x{least,most}; most is negative where there is no limit.
func repeat(n node, least, most int, lazy bool) node {
	var parts []node
	for range least {
		parts = append(parts, n)
	}
	if most < 0 {
		return sequence(append(parts, star(n, lazy)))
	}
	tail := sequence(nil) // x{0,2} is (x(x)?)?
	for range most - least {
		tail = optional(sequence([]node{n, tail}), lazy)
	}
	return sequence(append(parts, tail))
}
