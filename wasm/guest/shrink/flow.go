package shrink

import "slices"

// counterLocal is a function's program counter. It is local 2 in all functions; the compiler's locals from there on move up.
const counterLocal = 2

const unknown = -1

// flow writes a function anew that has a table of points:
//
//   - A jump to a point further down branches there, instead of to the loop with the point's place in local 0. That is shorter, mostly the
//     same from one jump to the next, and faster.
//
//   - The program counter that a call leaves on the stack is made from that of the call before it:
//
//     local.get 1  i64.const 0x1bb80032                                 i64.store
//     local.get 1  local.get 2  i64.const 1  i64.add  local.tee 2       i64.store
//
//     The constant is another one at each of 40,000 calls, a tenth of the compressed guest; that it mostly grows by 1, a compressor does not see.
//
// The counter is, at each instruction outside of the code's own ifs and blocks, the same whichever way the code got there: place is what it is
// at the current one, and entry at each point. Within ifs and blocks it is only read, or set before a jump out of them. A point that the table
// leads to has its own place; at others it is that of the code before, so that nothing need be done there, and jumps add what is missing.
type flow struct {
	dispatch
	runtime runtimeFunctions
	check   bool   // trap at points where the counter is not what it is taken for: for tests
	base    int64  // of the function's program counters
	calls   bool   // a counter is needed
	tabled  []bool // by point: the table leads there
	entry   []int64

	out    []instruction
	place  int64
	point  int  // that the code is behind
	open   int  // points to come
	nested int  // the code's own ifs and blocks
	dead   bool // nothing gets here from the instruction before
}

// rewriteFlow gives the new code, and whether it has a counter among its locals. A function of another form is left as it is: ok is false.
func rewriteFlow(code []instruction, function int, known runtimeFunctions, check bool) (out []instruction, counted, ok bool) {
	d, ok := findDispatch(code)
	if !ok || function == known.goexit {
		return nil, false, false
	}
	f := &flow{dispatch: d, runtime: known, check: check, base: int64(function+firstPC) << placeBits, tabled: make([]bool, len(d.starts)), entry: make([]int64, len(d.starts))}
	for point := range f.entry {
		f.entry[point] = unknown
	}
	// What a jump adds depends on the place where it goes, which lies further down: rounds find those, and the last one writes.
	for range 8 {
		was := flow{calls: f.calls, tabled: slices.Clone(f.tabled), entry: slices.Clone(f.entry)}
		if !f.write(code) {
			return nil, false, false
		}
		if f.calls == was.calls && slices.Equal(f.tabled, was.tabled) && slices.Equal(f.entry, was.entry) {
			return f.out, f.calls, true
		}
	}
	return nil, false, false
}

func (f *flow) write(code []instruction) bool {
	f.out = make([]instruction, 0, len(code)*5/4)
	f.point, f.open, f.nested, f.place, f.dead = -1, len(f.starts), 0, 0, true
	f.tabled[0] = true
	f.head(code)
	for k := f.behind; k < len(code); k++ {
		i := code[k]
		switch {
		case i.op == opEnd && f.nested == 0 && f.open == 0: // the loop's, or the way out's
			f.copy(code[k:])
			return true
		case i.op == opEnd && f.nested == 0:
			f.enter(i)
			continue
		case i.op == opBlock, i.op == opLoop, i.op == opIf:
			f.nested++
		case i.op == opEnd:
			f.nested--
		case i.op == opBrTable:
			return false
		case i.op == opI32Const && f.isJump(code[k:]):
			k += 2
			if f.jumpIf(f.points[i.arg], code[k+1]) {
				k++
			} else {
				f.jump(f.points[i.arg], code[k-2:k+1])
			}
			continue
		case (i.op == opBr || i.op == opBrIf) && int(i.arg) >= f.nested && int(i.arg) <= f.nested+f.open && (f.loop || int(i.arg) < f.nested+f.open):
			return false // to the loop or a point, in another way
		case i.op == opI64Const && f.isReturn(code[k:]):
			if !f.call(i.arg-f.base, code[k+2:]) {
				return false
			}
			continue
		}
		if f.nested == 0 {
			f.dead = i.op == opBr || i.op == opReturn || i.op == opUnreachable
		}
		f.copy(code[k : k+1])
	}
	return false
}

// head is what comes before the code of the first point.
func (f *flow) head(code []instruction) {
	if !f.calls {
		f.copy(code[:f.behind])
		return
	}
	f.emit(constant(f.base), local(opLocalGet, placeLocal), plain(opI64Extend32), plain(opI64Or), local(opLocalSet, counterLocal))
	f.copy(code[:f.behind-2])
	f.emit(local(opLocalGet, counterLocal), plain(opI32WrapI64), instruction{op: opI32Const, arg: 1<<placeBits - 1, text: signed([]byte{opI32Const}, 1<<placeBits-1)}, plain(opI32And))
	f.copy(code[f.behind-1 : f.behind])
}

// enter ends the block of the next point.
func (f *flow) enter(end instruction) {
	f.point++
	f.open--
	entry := &f.entry[f.point]
	switch {
	case f.tabled[f.point]:
		*entry = int64(f.starts[f.point])
		if !f.dead {
			f.count(*entry, opLocalSet)
		}
	case !f.dead || *entry == unknown:
		*entry = f.place
	}
	f.emit(end)
	f.place, f.dead = *entry, false
	if f.check && f.calls {
		f.emit(local(opLocalGet, counterLocal), constant(f.base|f.place), plain(opI64Ne), instruction{op: opIf, text: []byte{opIf, voidBlock}}, plain(opUnreachable), plain(opEnd))
	}
}

// isJump tells a jump, which ends by a branch to the loop.
func (f *flow) isJump(code []instruction) bool {
	return f.loop && len(code) > 2 && code[1].op == opLocalSet && code[1].arg == placeLocal &&
		code[2].op == opBr && int(code[2].arg) == f.nested+f.open && code[0].arg >= 0 && code[0].arg < int64(len(f.points))
}

// jump goes to a point. The text is what the compiler wrote.
func (f *flow) jump(to int, text []instruction) {
	back := to <= f.point
	switch {
	case back:
		f.tabled[to] = true
	case f.entry[to] == unknown:
		f.entry[to] = f.place
	}
	f.count(f.entry[to], opLocalSet)
	switch {
	case !back:
		f.emit(branch(opBr, f.nested+to-f.point-1))
	case f.calls:
		f.emit(text[2])
	default:
		f.emit(text...)
	}
	if f.nested == 0 {
		f.dead = true
	}
}

// jumpIf writes a jump further down as a conditional branch where it is all that an if has in it, and tells whether it did. Next is the
// instruction behind the jump.
func (f *flow) jumpIf(to int, next instruction) bool {
	last := len(f.out) - 1
	if f.nested == 0 || to <= f.point || next.op != opEnd || f.out[last].op != opIf || f.calls && f.entry[to] != f.place {
		return false
	}
	f.nested--
	f.out[last] = branch(opBrIf, f.nested+to-f.point-1)
	return true
}

// isReturn tells a program counter of this function that is put on the stack.
func (f *flow) isReturn(code []instruction) bool {
	return code[0].arg>>placeBits == f.base>>placeBits && len(code) > 4 && code[1].op == opStore+1
}

// call makes the program counter of a call that comes back to a place. The code is what follows its store.
func (f *flow) call(to int64, code []instruction) bool {
	switch {
	case f.runtime.neverResumes(code):
	case f.enters(to):
		if directCall(code) == f.runtime.deferReturn {
			// After a panic that was recovered, the function goes on before this call: at its last place (deferreturn in cmd/link/internal/ld).
			// It has a point of its own.
			if to == 0 || f.points[to-1] != f.point {
				return false
			}
			f.starts[f.point], f.tabled[f.point] = int(to-1), true
		}
		f.tabled[f.points[to]] = true
	default:
		return false
	}
	f.calls = true
	if f.nested > 0 {
		f.emit(local(opLocalGet, counterLocal))
		if to != f.place {
			f.emit(constant(to-f.place), plain(opI64Add))
		}
		return true
	}
	if to == f.place {
		f.emit(local(opLocalGet, counterLocal))
	}
	f.count(to, opLocalTee)
	return true
}

// count moves the counter, where there is one, from this place to another.
func (f *flow) count(to int64, set byte) {
	if to == f.place || !f.calls {
		return
	}
	f.emit(local(opLocalGet, counterLocal), constant(to-f.place), plain(opI64Add), local(set, counterLocal))
	if set == opLocalTee {
		f.place = to
	}
}

func (f *flow) emit(code ...instruction) { f.out = append(f.out, code...) }

// copy takes over code of the compiler, and makes room for the counter among the locals.
func (f *flow) copy(code []instruction) {
	for _, i := range code {
		if f.calls && i.op >= opLocalGet && i.op <= opLocalTee && i.arg >= counterLocal {
			i = local(i.op, i.arg+1)
		}
		f.out = append(f.out, i)
	}
}

// runtimeFunctions are those of Go's runtime that stand for themselves. Calls are by index in the module.
type runtimeFunctions struct {
	sigpanic, deferReturn int64
	goexit                int // among the functions that are not imported: goroutines return to its second place, which no call leads to
}

func findRuntime(names []string, imports uint32) runtimeFunctions {
	at := func(name string) int { return slices.Index(names, name) }
	return runtimeFunctions{int64(imports) + int64(at("runtime.sigpanic")), int64(imports) + int64(at("runtime.deferreturn")), at("runtime.goexit")}
}

// directCall is the function that is called, where the code is what follows the store of a program counter; -1 if that is not in the code.
func directCall(code []instruction) int64 {
	if code[0].op == opI32Const {
		code = code[1:]
	}
	if code[0].op == opCall {
		return code[0].arg
	}
	return -1
}

// neverResumes tells a call that is not gone on behind once it has unwound: sigpanic's, and those that trap then.
func (known runtimeFunctions) neverResumes(code []instruction) bool {
	called := directCall(code)
	if code[0].op == opI32Const {
		code = code[1:]
	}
	return called >= 0 && (called == known.sigpanic || len(code) > 2 && code[1].op == opIf && code[2].op == opUnreachable)
}

// withCounter adds the counter to the declarations of a function's locals, behind the stack pointer.
func withCounter(declared []byte) ([]byte, bool) {
	r := &reader{b: declared}
	groups := r.count()
	if n, kind := r.unsigned(), r.byte(); r.err != nil || n != 1 || kind != typeI32 {
		return nil, false
	}
	rest := r.b
	if n, kind := r.unsigned(), r.byte(); groups > 1 && kind == typeI64 {
		out := append(unsigned(nil, uint64(groups)), 1, typeI32)
		return append(append(unsigned(out, n+1), typeI64), r.b...), r.err == nil
	}
	return append(append(unsigned(nil, uint64(groups)+1), 1, typeI32, 1, typeI64), rest...), true
}

func plain(op byte) instruction { return instruction{op: op, text: []byte{op}} }

func local(op byte, index int64) instruction {
	return instruction{op: op, arg: index, text: unsigned([]byte{op}, uint64(index))}
}

func constant(v int64) instruction {
	return instruction{op: opI64Const, arg: v, text: signed([]byte{opI64Const}, v)}
}

func branch(op byte, depth int) instruction {
	return instruction{op: op, arg: int64(depth), text: unsigned([]byte{op}, uint64(depth))}
}
