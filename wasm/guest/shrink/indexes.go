package shrink

import (
	"bytes"
	"encoding/binary"
)

// indexes are the parts of Go's function table that can be computed from the rest, because a WASM
// module numbers its functions in the order of their records and each has 2^16 program counters:
//
//   - the number at the begin of each record;
//   - the list of pairs (number, offset of the record);
//   - the first function of each bucket of 2^12 program counters (runtime.findfuncbucket).
type indexes struct {
	count       int // functions
	functions   int // position of the pairs; offsets of records count from here
	firstRecord int // offset
	buckets     int // position
	bucketCount int
}

const (
	firstFunction      = 1 << 12 // number of the first one: funcValueOffset in cmd/link/internal/wasm
	pcBits             = 16      // program counters in a function
	bucketBits         = 12
	bucketsPerFunction = 1 << (pcBits - bucketBits)
	bucketSize         = 20
	recordAlign        = 8
)

// Fields of runtime.moduledata by offset. It begins with the addresses of the header and the names.
const (
	moduleBuckets = 19 * 8
	moduleMinPC   = 20 * 8
	moduleMaxPC   = 21 * 8
)

// removeIndexes clears the indexes in the memory image. It checks that the code computes the same.
func (t *functionTable) removeIndexes() (indexes, error) {
	pair := binary.LittleEndian.AppendUint64(nil, uint64(t.header))
	at := bytes.Index(t.image, binary.LittleEndian.AppendUint64(pair, uint64(t.names)))
	if at < 0 {
		return indexes{}, malformed("Go's module data is missing")
	}
	field := func(offset int) int {
		return int(min(binary.LittleEndian.Uint64(t.image[at+offset:]), 1<<40))
	}
	pcs := field(moduleMaxPC) - field(moduleMinPC)
	x := indexes{
		count: t.count, functions: t.functions, firstRecord: int(get(t.image, t.functions+4)),
		buckets: field(moduleBuckets), bucketCount: (pcs + 1<<bucketBits - 1) >> bucketBits,
	}
	if field(moduleMinPC) != firstFunction<<pcBits || x.bucketCount > x.count*bucketsPerFunction {
		return x, malformed("Go's program counters are numbered in another way")
	}
	cleared := bytes.Clone(t.image)
	x.set(cleared, func(int) uint32 { return 0 })
	computed := bytes.Clone(cleared)
	x.set(computed, func(v int) uint32 { return uint32(v) })
	if !bytes.Equal(computed, t.image) {
		return x, malformed("Go's function table is indexed in another way")
	}
	copy(t.image, cleared)
	return x, nil
}

// set writes all indexes as the code does, each value passed through a function.
func (x indexes) set(image []byte, value func(int) uint32) {
	record := x.firstRecord
	for i := range x.count {
		put(image, x.functions+8*i, value(firstFunction+i))
		put(image, x.functions+8*i+4, value(record))
		put(image, x.functions+record, value(firstFunction+i))
		size := recordSize(image[x.functions+record:])
		record = (record + size + recordAlign - 1) &^ (recordAlign - 1)
	}
	for i := range x.bucketCount {
		put(image, x.buckets+bucketSize*i, value(i/bucketsPerFunction))
	}
}

// Opcodes (WebAssembly specification 5.4).
const (
	opLoop      = 0x03
	opEnd       = 0x0b
	opBrIf      = 0x0d
	opLocalGet  = 0x20
	opLocalSet  = 0x21
	opLocalTee  = 0x22
	opI32Load   = 0x28
	opI32Load8U = 0x2d
	opI32Store  = 0x36
	opI32Const  = 0x41
	opI32LtU    = 0x49
	opI32Add    = 0x6a
	opI32Mul    = 0x6c
	opI32DivU   = 0x6e
	opI32And    = 0x71
	typeVoid    = 0x40
	typeI32     = 0x7f
)

// code is the body of a WASM function that does what set does.
func (x indexes) code() []byte {
	const i, record = 0, 1 // locals
	var (
		constant = func(v int) []byte { return signed([]byte{opI32Const}, int64(v)) }
		memory   = func(op, align byte, offset int) []byte {
			return unsigned([]byte{op, align}, uint64(offset))
		}
		store     = func(offset int) []byte { return memory(opI32Store, 2, offset) }
		load      = func(offset int) []byte { return memory(opI32Load, 2, offset) }
		loadByte  = func(offset int) []byte { return memory(opI32Load8U, 0, offset) }
		getI      = []byte{opLocalGet, i}
		getRecord = []byte{opLocalGet, record}
		add       = []byte{opI32Add}
		mul       = []byte{opI32Mul}
		loop      = []byte{opLoop, typeVoid}
	)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	next := func(limit int) []byte { // i++; repeat the loop while i < limit
		return join(getI, constant(1), add, []byte{opLocalTee, i}, constant(limit),
			[]byte{opI32LtU, opBrIf, 0, opEnd})
	}
	pair := join(getI, constant(8), mul)
	number := join(getI, constant(firstFunction), add)
	align := join(constant(recordAlign-1), add, constant(-recordAlign), []byte{opI32And})
	return join(
		[]byte{1, 2, typeI32}, // two locals
		constant(x.firstRecord), []byte{opLocalSet, record},
		loop,
		pair, number, store(x.functions),
		pair, getRecord, store(x.functions+4),
		getRecord, number, store(x.functions+fieldID),
		getRecord, load(x.functions+fieldTables), getRecord, loadByte(x.functions+fieldDataSize), add,
		constant(4), mul, constant(funcSize), add, getRecord, add, align, []byte{opLocalSet, record},
		next(x.count),
		constant(0), []byte{opLocalSet, i},
		loop,
		getI, constant(bucketSize), mul,
		getI, constant(bucketsPerFunction), []byte{opI32DivU}, store(x.buckets),
		next(x.bucketCount),
		[]byte{opEnd},
	)
}
