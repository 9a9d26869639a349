package shrink

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Go's function table (runtime.pcHeader and runtime._func) serves the garbage collector and the
// stack unwinder, which need frame sizes and pointer maps, and tracebacks, which need names, files
// and lines: half of its bytes. Functions of this module keep those. Others lose them, except for
// what the runtime itself reads in a name:
//
//   - A goroutine is a system goroutine if the name of its first function begins with "runtime."
//     (isSystemGoroutine).
//   - The two stubs through which reflect calls methods are known by name (argMapInternal).
//   - A nil pointer panic of a method wrapper takes its message from the name (panicwrap).
const (
	nameOther  = ""
	nameSystem = "runtime."
	nameMethod = "a.(*type).method"
	nameStub1  = "reflect.makeFuncStub"
	nameStub2  = "reflect.methodValueCall"
)

// tableHeader begins the function table of go1.20 and later: magic number, two zeros, instruction
// quantum, pointer size.
var tableHeader = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

// Fields of runtime._func by offset. The tables by program counter (pc) and the function data
// follow it: offsets of 4 bytes each.
const (
	fieldID       = 0
	fieldName     = 4
	fieldStack    = 16 // table of stack sizes by pc
	fieldFile     = 20 // table of files by pc
	fieldLine     = 24 // table of lines by pc
	fieldTables   = 28 // the number of other tables by pc
	fieldUnit     = 32
	fieldFirst    = 36 // the first line
	fieldDataSize = 43 // the number of function data
	funcSize      = 44
	noData        = 1<<32 - 1
)

// Tables by pc and function data that only tracebacks read, or signals, which WASM does not have:
// PCDATA_UnsafePoint, PCDATA_InlTreeIndex, PCDATA_ArgLiveIndex; FUNCDATA_InlTree, FUNCDATA_ArgInfo,
// FUNCDATA_ArgLiveInfo (internal/abi).
var (
	unusedTables = []int{0, 2, 3}
	unusedData   = []int{3, 5, 6}
)

// functionTable is Go's function table in a memory image. Its parts are positions in the image.
type functionTable struct {
	image     []byte
	header    int
	names     int // function names, each ended by a zero
	namesEnd  int
	tables    int // tables by pc
	tablesEnd int
	functions int // one pair (id, offset of the record) for each function; then the records
	count     int
}

func findFunctionTable(image []byte) (*functionTable, error) {
	at := bytes.Index(image, tableHeader)
	if at < 0 || bytes.Contains(image[at+1:], tableHeader) {
		return nil, malformed("Go's function table is missing or has another form")
	}
	// The header's fields: functions, files, unused, and the offsets of names, units, files, tables
	// by pc, functions.
	field := func(i int) int {
		return int(min(binary.LittleEndian.Uint64(image[at+len(tableHeader)+8*i:]), maxMemory))
	}
	t := &functionTable{
		image: image, header: at, names: at + field(3), namesEnd: at + field(4),
		tables: at + field(6), tablesEnd: at + field(7), functions: at + field(7), count: field(0),
	}
	if !(at < t.names && t.names < t.namesEnd && t.namesEnd < t.tables && t.tables < t.tablesEnd &&
		t.functions+8*t.count < len(image)) {
		return nil, malformed("the parts of Go's function table are in another order")
	}
	return t, nil
}

// trim clears what only tracebacks need in functions for which keep returns false. It returns all
// names, in the order of the code.
func (t *functionTable) trim(keep func(string) bool) ([]string, error) {
	names := nameTable{}
	names.add(nameOther)
	used := make([]bool, t.tablesEnd-t.tables)
	var all []string
	for i := range t.count {
		f, name, err := t.function(i)
		if err != nil {
			return nil, err
		}
		all = append(all, name)
		if !keep(name) {
			name = anonymous(name)
			for _, field := range []int{fieldFile, fieldLine, fieldUnit, fieldFirst} {
				put(f, field, 0)
			}
		}
		put(f, fieldName, uint32(names.add(name)))
		tables := int(get(f, fieldTables))
		for _, n := range unusedTables {
			if n < tables {
				put(f, funcSize+4*n, 0)
			}
		}
		for _, n := range unusedData {
			if n < int(f[fieldDataSize]) {
				put(f, funcSize+4*(tables+n), noData)
			}
		}
		offsets := []int{fieldStack, fieldFile, fieldLine}
		for n := range tables {
			offsets = append(offsets, funcSize+4*n)
		}
		for _, field := range offsets {
			if err := t.mark(used, int(get(f, field))); err != nil {
				return nil, err
			}
		}
	}
	if len(names.text) > t.namesEnd-t.names {
		return nil, malformed("the names do not fit in their place")
	}
	clear(t.image[t.names:t.namesEnd])
	copy(t.image[t.names:], names.text)
	for i, u := range used {
		if !u {
			t.image[t.tables+i] = 0
		}
	}
	return all, nil
}

// anonymous reduces a name to what the runtime reads in it.
func anonymous(name string) string {
	switch {
	case name == nameStub1, name == nameStub2:
		return name
	case strings.Contains(name, ".(*"):
		return nameMethod
	case strings.HasPrefix(name, nameSystem):
		return nameSystem
	}
	return nameOther
}

// function returns a function's record with the offsets that follow it, and its name.
func (t *functionTable) function(i int) ([]byte, string, error) {
	f := t.image[t.functions+int(get(t.image, t.functions+8*i+4)):]
	name := t.names + int(get(f, fieldName))
	if name >= t.namesEnd {
		return nil, "", malformed("function %d has no name", i)
	}
	text, _, _ := strings.Cut(string(t.image[name:min(name+1<<14, t.namesEnd)]), "\x00")
	return f[:recordSize(f)], text, nil
}

func recordSize(f []byte) int {
	return funcSize + 4*(int(get(f, fieldTables))+int(f[fieldDataSize]))
}

// mark notes the bytes of a table by pc: pairs of varints (difference of value, of pc). A value of
// 0 ends it, except in the first pair. Offset 0 means no table.
func (t *functionTable) mark(used []bool, offset int) error {
	if offset == 0 {
		return nil
	}
	r := &reader{b: t.image[t.tables+offset : t.tablesEnd]}
	for first := true; ; first = false {
		if r.unsigned() == 0 && !first || r.err != nil {
			break
		}
		r.unsigned()
	}
	for i := offset; i < len(used)-len(r.b); i++ {
		used[i] = true
	}
	return r.err
}

func get(b []byte, at int) uint32    { return binary.LittleEndian.Uint32(b[at:]) }
func put(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }

// nameTable holds each name once.
type nameTable struct {
	text []byte
	at   map[string]int
}

func (t *nameTable) add(name string) int {
	at, ok := t.at[name]
	if !ok {
		if t.at == nil {
			t.at = map[string]int{}
		}
		at = len(t.text)
		t.at[name] = at
		t.text = append(append(t.text, name...), 0)
	}
	return at
}
