package shrink

import (
	"encoding/binary"
	"slices"
)

// The sections that are looked into, by their ids in the WebAssembly specification (5.5).
const (
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

// find gives the section of an id.
func (m *module) find(id byte) (*section, error) {
	i := slices.IndexFunc(m.sections, func(s section) bool { return s.id == id })
	if i < 0 {
		return nil, malformed("there is no section %d", id)
	}
	return &m.sections[i], nil
}

// importedFunctions counts the functions that come before the module's own.
func (m *module) importedFunctions() (uint32, error) {
	s, err := m.find(importSection)
	if err != nil {
		return 0, err
	}
	r := &reader{b: s.body}
	n := r.count()
	for range n {
		r.bytes(r.count()) // module
		r.bytes(r.count()) // name
		if kind := r.byte(); kind != 0 && r.err == nil {
			return 0, malformed("an import of kind %d", kind)
		}
		r.unsigned() // type
	}
	return uint32(n), r.err
}

// addStart adds a function of no parameters and results, the last one, that runs when the module is instantiated.
func (m *module) addStart(body []byte) error {
	imports, err := m.importedFunctions()
	if err != nil {
		return err
	}
	kind, err := m.appendTo(typeSection, []byte{0x60, 0, 0})
	if err != nil {
		return err
	}
	own, err := m.appendTo(functionSection, unsigned(nil, uint64(kind)))
	if err != nil {
		return err
	}
	if n, err := m.appendTo(codeSection, append(unsigned(nil, uint64(len(body))), body...)); err != nil || n != own {
		return malformed("%d functions are declared, and %d have code", own, n)
	}
	at := slices.IndexFunc(m.sections, func(s section) bool { return s.id == elementSection })
	if at < 0 || slices.ContainsFunc(m.sections, func(s section) bool { return s.id == startSection }) {
		return malformed("the module has a start function, or no table of functions")
	}
	m.sections = slices.Insert(m.sections, at, section{startSection, unsigned(nil, uint64(imports)+uint64(own))})
	return nil
}

// appendTo adds an item to a section that is a list, and gives its index.
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

// reader reads the binary format. After an error it only gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = malformed("the module is cut off")
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

// count reads a length. It is checked against what is left when it is used.
func (r *reader) count() int { return int(min(r.unsigned(), 1<<31)) }

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
