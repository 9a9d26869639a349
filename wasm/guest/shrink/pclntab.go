package shrink

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Go's function table (runtime.pcHeader and runtime._func of go1.20 and later) serves the garbage collector and the unwinder,
// which need frame sizes and pointer maps, and tracebacks, which need names, files and lines: half of its bytes. Tracebacks keep them
// for functions of ours. Of all others they say nothing, but for what the runtime itself reads in a name:
//
//   - a goroutine is the system's if its first function's name begins with "runtime." (isSystemGoroutine);
//   - the two stubs that reflect calls methods through are known by name (stkframe.argMapInternal);
//   - a method called through a nil pointer by its wrapper takes its panic's words from the name (panicwrap).
const (
	nobody = ""
	system = "runtime."
	method = "a.(*type).method"
)

var stubs = []string{"reflect.makeFuncStub", "reflect.methodValueCall"}

// The header: magic, two zeros, the quantum of an instruction and the size of a pointer.
var tableHeader = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

// Fields of runtime._func, by offset.
const (
	funcName     = 4
	funcPCSP     = 16
	funcPCFile   = 20
	funcPCLine   = 24
	funcTables   = 28 // the number of the tables by pc that follow
	funcUnit     = 32
	funcLine     = 36
	funcDataLen  = 43
	funcSize     = 44
	tableInlined = 2 // abi.PCDATA_InlTreeIndex
	dataInlined  = 3 // abi.FUNCDATA_InlTree
	dataArgs     = 5 // abi.FUNCDATA_ArgInfo, the arguments in a traceback
	dataArgsLive = 6 // abi.FUNCDATA_ArgLiveInfo
	noData       = 1<<32 - 1
)

// Tables by pc that nothing reads on this system: where a goroutine may not be preempted by a signal, and which arguments are live.
var unusedTables = []int{0, tableInlined, 3}

type functionTable struct {
	image                []byte
	header               int
	names, namesEnd      int // function names, one behind the other
	pcs, pcsEnd          int // tables by pc
	functions, functionN int // pairs of pc and offset; the functions behind them
}

func findFunctionTable(image []byte) (t functionTable, err error) {
	at := bytes.Index(image, tableHeader)
	if at < 0 || bytes.Contains(image[at+1:], tableHeader) {
		return t, malformed("Go's function table is not there, or not of the form of Go 1.20 to 1.26")
	}
	var field [8]int // functions, files, unused, names, units, files, pcs, functions
	for i := range field {
		b := image[at+len(tableHeader)+8*i:]
		if len(b) < 8 || binary.LittleEndian.Uint64(b) > uint64(len(image)-at) {
			return t, malformed("Go's function table is cut off")
		}
		field[i] = int(binary.LittleEndian.Uint64(b))
	}
	t = functionTable{image: image, header: at, names: at + field[3], namesEnd: at + field[4], pcs: at + field[6], pcsEnd: at + field[7],
		functions: at + field[7], functionN: field[0]}
	if !(at < t.names && t.names < t.namesEnd && t.namesEnd < t.pcs && t.pcs < t.pcsEnd && t.functions+8*t.functionN < len(image)) {
		return t, malformed("the parts of Go's function table lie in no known order")
	}
	return t, nil
}

// trimFunctions drops what only tracebacks need of functions that keep is false for. It returns all names, in the order of the code.
func trimFunctions(image []byte, keep func(string) bool) ([]string, error) {
	t, err := findFunctionTable(image)
	if err != nil {
		return nil, err
	}
	names := newNames(nobody, system, method)
	used := make([]bool, t.pcsEnd-t.pcs)
	var all []string
	for i := range t.functionN {
		f, name, err := t.function(i)
		if err != nil {
			return nil, err
		}
		all = append(all, name)
		kept := keep(name)
		switch {
		case kept:
		case name == stubs[0], name == stubs[1]:
		case strings.Contains(name, ".(*"):
			name = method
		case strings.HasPrefix(name, system):
			name = system
		default:
			name = nobody
		}
		put(f, funcName, uint32(names.add(name)))
		if !kept {
			for _, field := range []int{funcPCFile, funcPCLine, funcUnit, funcLine} {
				put(f, field, 0)
			}
		}
		tables := int(get(f, funcTables))
		for _, unused := range unusedTables {
			if unused < tables {
				put(f, funcSize+4*unused, 0)
			}
		}
		for _, unused := range []int{dataInlined, dataArgs, dataArgsLive} {
			if unused < int(f[funcDataLen]) {
				put(f, funcSize+4*(tables+unused), noData)
			}
		}
		offsets := []uint32{get(f, funcPCSP), get(f, funcPCFile), get(f, funcPCLine)}
		for j := range tables {
			offsets = append(offsets, get(f, funcSize+4*j))
		}
		for _, offset := range offsets {
			if err := t.mark(used, int(offset)); err != nil {
				return nil, err
			}
		}
	}
	if len(names.text) > t.namesEnd-t.names {
		return nil, malformed("the names do not fit where they were")
	}
	clear(image[t.names:t.namesEnd])
	copy(image[t.names:], names.text)
	for i, u := range used {
		if !u {
			image[t.pcs+i] = 0
		}
	}
	return all, nil
}

// function gives a function's record, its tables included, and its name.
func (t *functionTable) function(i int) ([]byte, string, error) {
	at := t.functions + int(get(t.image, t.functions+8*i+4))
	if at+funcSize > len(t.image) {
		return nil, "", malformed("function %d lies outside of Go's table", i)
	}
	f := t.image[at:]
	size := funcSize + 4*(int(get(f, funcTables))+int(f[funcDataLen]))
	name := t.names + int(get(f, funcName))
	if size > len(f) || name >= t.namesEnd {
		return nil, "", malformed("function %d is cut off", i)
	}
	text, _, ok := strings.Cut(string(t.image[name:min(name+1<<14, t.namesEnd)]), "\x00")
	if !ok {
		return nil, "", malformed("the name of function %d has no end", i)
	}
	return f[:size], text, nil
}

// mark notes the bytes of a table by pc: pairs of deltas (value, pc), a value of 0 behind the first ends it. Offset 0 is no table.
func (t *functionTable) mark(used []bool, offset int) error {
	if offset == 0 {
		return nil
	}
	for at, first := offset, true; at < len(used); first = false {
		r := &reader{b: t.image[t.pcs+at : t.pcsEnd]}
		last := r.unsigned() == 0 && !first
		if !last {
			r.unsigned()
		}
		next := t.pcsEnd - t.pcs - len(r.b)
		for ; at < next; at++ {
			used[at] = true
		}
		if r.err != nil || last {
			return r.err
		}
	}
	return malformed("a table by pc has no end")
}

func get(b []byte, at int) uint32    { return binary.LittleEndian.Uint32(b[at:]) }
func put(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }

// nameTable holds names once each.
type nameTable struct {
	text []byte
	at   map[string]int
}

func newNames(first ...string) *nameTable {
	t := &nameTable{at: map[string]int{}}
	for _, name := range first {
		t.add(name)
	}
	return t
}

func (t *nameTable) add(name string) int {
	if at, ok := t.at[name]; ok {
		return at
	}
	at := len(t.text)
	t.at[name] = at
	t.text = append(append(t.text, name...), 0)
	return at
}
