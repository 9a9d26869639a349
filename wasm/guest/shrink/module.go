package shrink

import (
	"encoding/binary"
	"slices"
)

// Ids of sections (WebAssembly specification 5.5).
const (
	customSection   = 0
	typeSection     = 1
	importSection   = 2
	functionSection = 3
	startSection    = 8
	elementSection  = 9
	codeSection     = 10
	dataSection     = 11
)

const preamble = "\x00asm\x01\x00\x00\x00"

type module struct{ sections []section }

type section struct {
	id   byte
	body []byte
}

func parse(wasm []byte) (*module, error) {
	r := &reader{b: wasm}
	if string(r.bytes(len(preamble))) != preamble {
		return nil, malformed("not a WebAssembly module")
	}
	var m module
	for r.err == nil && len(r.b) > 0 {
		id := r.byte()
		m.sections = append(m.sections, section{id, r.bytes(r.count())})
	}
	return &m, r.err
}

func (m *module) encode() []byte {
	out := []byte(preamble)
	for _, s := range m.sections {
		out = append(out, s.id)
		out = append(unsigned(out, uint64(len(s.body))), s.body...)
	}
	return out
}

// find returns the first section with an id.
func (m *module) find(id byte) (*section, error) {
	i := m.index(id)
	if i < 0 {
		return nil, malformed("there is no section %d", id)
	}
	return &m.sections[i], nil
}

func (m *module) index(id byte) int {
	return slices.IndexFunc(m.sections, func(s section) bool { return s.id == id })
}

// goVersion reads the version of the Go tool chain from the custom section "producers": a list of
// fields, each a name and a list of (value, version) pairs.
func (m *module) goVersion() (string, error) {
	for _, s := range m.sections {
		r := &reader{b: s.body}
		if s.id != customSection || r.text() != "producers" {
			continue
		}
		for range r.count() {
			field := r.text()
			for range r.count() {
				value, version := r.text(), r.text()
				if r.err != nil {
					return "", r.err
				}
				if field == "language" && value == "Go" {
					return version, nil
				}
			}
		}
	}
	return "", malformed("no section names the Go version")
}

// importedFunctions counts the imports, which are numbered before the module's own functions.
func (m *module) importedFunctions() (int, error) {
	s, err := m.find(importSection)
	if err != nil {
		return 0, err
	}
	r := &reader{b: s.body}
	n := r.count()
	for range n {
		r.text() // module
		r.text() // name
		if kind := r.byte(); kind != 0 && r.err == nil {
			return 0, malformed("import of kind %d", kind)
		}
		if r.unsigned(); r.err != nil { // type
			return 0, r.err
		}
	}
	return n, nil
}

// addStart appends a function without parameters and results that runs when the module is
// instantiated. It returns how many functions are imported and how many had code before.
func (m *module) addStart(body []byte) (imports, own int, err error) {
	if imports, err = m.importedFunctions(); err != nil {
		return 0, 0, err
	}
	kind, err := m.appendTo(typeSection, []byte{0x60, 0, 0})
	if err != nil {
		return 0, 0, err
	}
	declared, err := m.appendTo(functionSection, unsigned(nil, uint64(kind)))
	if err != nil {
		return 0, 0, err
	}
	own, err = m.appendTo(codeSection, append(unsigned(nil, uint64(len(body))), body...))
	if err != nil {
		return 0, 0, err
	}
	has := func(id byte) bool { return m.index(id) >= 0 }
	if own != declared || has(startSection) || !has(elementSection) {
		return 0, 0, malformed("sections of functions do not match, or there is a start function")
	}
	start := section{startSection, unsigned(nil, uint64(imports+own))}
	m.sections = slices.Insert(m.sections, m.index(elementSection), start)
	return imports, own, nil
}

// appendTo adds an item to a section that is a list, and returns the item's index.
func (m *module) appendTo(id byte, item []byte) (int, error) {
	s, err := m.find(id)
	if err != nil {
		return 0, err
	}
	r := &reader{b: s.body}
	n := r.count()
	s.body = append(append(unsigned(nil, uint64(n)+1), r.b...), item...)
	return n, r.err
}

// reader reads the binary format. After an error it returns zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = malformed("the module is truncated")
		}
		r.b = nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) text() string { return string(r.bytes(r.count())) }

// unsigned reads LEB128.
func (r *reader) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	r.bytes(max(n, 1))
	return v
}

// signed reads signed LEB128, which is not the zigzag of encoding/binary.
func (r *reader) signed() int64 {
	var v int64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift < 57 {
				v |= -1 << (shift + 7)
			}
			break
		}
	}
	return v
}

// count reads a length or a number of items, none of which is larger than what is left.
func (r *reader) count() int {
	n := r.unsigned()
	if n > uint64(len(r.b)) {
		r.bytes(-1)
		return 0
	}
	return int(n)
}

func unsigned(out []byte, v uint64) []byte { return binary.AppendUvarint(out, v) }

func signed(out []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
