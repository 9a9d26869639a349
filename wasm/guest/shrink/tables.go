package shrink

import (
	"bytes"
	"encoding/binary"
)

// indexes are the parts of Go's function table that follow from the rest, as long as the module is one of WASM: functions are numbered in
// the order of their records, and each has 2^16 program counters. The linker writes two megabytes of them, 38 KB in brotli; here a function
// makes them when the module is instantiated, before anything of Go runs.
type indexes struct {
	count     int // functions
	functions int // where pairs of function number and record offset lie, and what the offsets count from
	first     int // the offset of the first record; each record begins with its function's number
	buckets   int // where the first function of each 2^12 program counters is noted (runtime.findfuncbucket)
	bucketN   int
}

const (
	recordAlign      = 8
	bucketSize       = 20
	bucketBits       = 12
	bucketsAFunction = 1 << (placeBits - bucketBits)
)

// Fields of runtime.moduledata, by offset. It begins with the addresses of the table and its names.
const (
	moduleBuckets = 19 * 8
	moduleMinPC   = 20 * 8
	moduleMaxPC   = 21 * 8
	moduleLen     = 22 * 8
)

// takeIndexes clears the indexes in a memory image, having checked that they are what the function makes.
func takeIndexes(image []byte) (indexes, error) {
	t, err := findFunctionTable(image)
	if err != nil {
		return indexes{}, err
	}
	module, err := findModuleData(image, t)
	if err != nil {
		return indexes{}, err
	}
	pcs := word(module, moduleMaxPC) - word(module, moduleMinPC)
	x := indexes{count: t.functionN, functions: t.functions, first: int(get(image, t.functions+4)),
		buckets: int(word(module, moduleBuckets)), bucketN: int((pcs + 1<<bucketBits - 1) >> bucketBits)}
	if word(module, moduleMinPC) != firstPC<<placeBits || x.bucketN > x.count*bucketsAFunction || x.buckets+bucketSize*(x.bucketN-1)+4 > len(image) || x.buckets < 0 {
		return x, malformed("Go's program counters are not numbered as its linker does for WASM")
	}
	made := bytes.Clone(image)
	x.clear(made)
	x.make(made)
	if !bytes.Equal(made, image) {
		return x, malformed("Go's function table is indexed in another way")
	}
	x.clear(image)
	return x, nil
}

func findModuleData(image []byte, t functionTable) ([]byte, error) {
	pair := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(t.header)), uint64(t.names))
	at := bytes.Index(image, pair)
	if at < 0 || at+moduleLen > len(image) {
		return nil, malformed("Go's module data is not there")
	}
	return image[at : at+moduleLen], nil
}

func word(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

func (x indexes) each(image []byte, do func(function, record int)) {
	record := x.functions + x.first
	for i := range x.count {
		if record+funcSize > len(image) {
			return
		}
		do(i, record)
		size := funcSize + 4*(int(get(image, record+funcTables))+int(image[record+funcDataLen]))
		record = x.functions + (record-x.functions+size+recordAlign-1)&^(recordAlign-1)
	}
}

func (x indexes) clear(image []byte) {
	x.each(image, func(i, record int) {
		clear(image[x.functions+8*i : x.functions+8*i+8])
		put(image, record, 0)
	})
	for i := range x.bucketN {
		put(image, x.buckets+bucketSize*i, 0)
	}
}

// make does what code does.
func (x indexes) make(image []byte) {
	x.each(image, func(i, record int) {
		put(image, x.functions+8*i, uint32(firstPC+i))
		put(image, x.functions+8*i+4, uint32(record-x.functions))
		put(image, record, uint32(firstPC+i))
	})
	for i := range x.bucketN {
		put(image, x.buckets+bucketSize*i, uint32(i/bucketsAFunction))
	}
}

// code is the body of the function that makes the indexes.
func (x indexes) code() []byte {
	const i, record = 0, 1 // locals
	get := func(index int64) instruction { return local(opLocalGet, index) }
	set := func(index int64) instruction { return local(opLocalSet, index) }
	memory := func(op byte, align, offset int) instruction {
		return instruction{op: op, text: unsigned([]byte{op, byte(align)}, uint64(offset))}
	}
	load, loadByte, store := func(offset int) instruction { return memory(opLoad, 2, offset) }, func(offset int) instruction { return memory(opI32Load8U, 0, offset) },
		func(offset int) instruction { return memory(opStore, 2, offset) }
	add := plain(opI32Add)
	loop := instruction{op: opLoop, text: []byte{opLoop, voidBlock}}
	whileBelow := func(n int) []instruction {
		return []instruction{get(i), constant32(1), add, local(opLocalTee, i), constant32(int64(n)), plain(opI32LtU), {op: opBrIf, text: []byte{opBrIf, 0}}, plain(opEnd)}
	}
	number := []instruction{get(i), constant32(firstPC), add}
	var code []instruction
	emit := func(parts ...[]instruction) {
		for _, p := range parts {
			code = append(code, p...)
		}
	}
	one := func(is ...instruction) []instruction { return is }
	emit(
		one(constant32(int64(x.first)), set(record), loop),
		one(get(i), constant32(8), plain(opI32Mul)), number, one(store(x.functions)),
		one(get(i), constant32(8), plain(opI32Mul), get(record), store(x.functions+4)),
		one(get(record)), number, one(store(x.functions)),
		one(get(record), get(record), load(x.functions+funcTables), get(record), loadByte(x.functions+funcDataLen), add, constant32(4), plain(opI32Mul), add,
			constant32(funcSize+recordAlign-1), add, constant32(-recordAlign), plain(opI32And), set(record)),
		whileBelow(x.count),
		one(constant32(0), set(i), loop),
		one(get(i), constant32(bucketSize), plain(opI32Mul), get(i), constant32(bucketsAFunction), plain(opI32DivU), store(x.buckets)),
		whileBelow(x.bucketN),
		one(plain(opEnd)),
	)
	body := []byte{1, 2, typeI32} // two locals
	for _, i := range code {
		body = append(body, i.text...)
	}
	return body
}

func constant32(v int64) instruction {
	return instruction{op: opI32Const, arg: v, text: signed([]byte{opI32Const}, v)}
}
