package shrink

import "slices"

// Opcodes by name (WebAssembly specification 5.4).
const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opCall        = 0x10
	opCallTable   = 0x11
	opDrop        = 0x1a
	opSelect      = 0x1b
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opLoad        = 0x28 // the first of the loads
	opI32Load8U   = 0x2d
	opStore       = 0x36 // the first of the stores
	opMemorySize  = 0x3f
	opMemoryGrow  = 0x40
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF32Const    = 0x43
	opF64Const    = 0x44
	opI32Eqz      = 0x45 // the first of the numeric operators
	opI32LtU      = 0x49
	opI32Add      = 0x6a
	opI32Mul      = 0x6c
	opI32DivU     = 0x6e
	opI32And      = 0x71
	opI64Ne       = 0x52
	opI64Add      = 0x7c
	opI64Or       = 0x84
	opI32WrapI64  = 0xa7
	opI64Extend32 = 0xad // i64.extend_i32_u
	opLastNumeric = 0xc4
	opPrefixed    = 0xfc
	voidBlock     = 0x40
	typeI32       = 0x7f
	typeI64       = 0x7e
)

// instruction is one of a function. A block's type, a branch's depth, an index or a constant is its argument.
type instruction struct {
	op    byte
	arg   int64
	align uint64 // of loads and stores
	text  []byte // as it was read
}

// rewriteCode applies the rules to every function, and counts the functions.
func (m *module) rewriteCode(known runtimeFunctions, check bool) (int, error) {
	s, err := m.find(codeSection)
	if err != nil {
		return 0, err
	}
	r := &reader{b: s.body}
	n := r.count()
	out := unsigned(nil, uint64(n))
	for function := range n {
		body := &reader{b: r.bytes(r.count())}
		whole := body.b
		for range body.count() { // locals
			body.unsigned()
			body.byte()
		}
		locals := whole[:len(whole)-len(body.b)]
		code, err := decode(body)
		if err != nil {
			return 0, err
		}
		code = returnAtOnce(code)
		if flowing, counted, ok := rewriteFlow(code, function, known, check); ok {
			if with, ok := withCounter(locals); counted && ok {
				code, locals = flowing, with
			} else if !counted {
				code = flowing
			}
		}
		code = foldOffsets(code)
		size := len(locals)
		for _, i := range code {
			size += len(i.text)
		}
		out = append(unsigned(out, uint64(size)), locals...)
		for _, i := range code {
			out = append(out, i.text...)
		}
	}
	s.body = out
	return n, r.err
}

func decode(r *reader) ([]instruction, error) {
	var code []instruction
	for len(r.b) > 0 {
		before := r.b
		i := instruction{op: r.byte()}
		switch op := i.op; {
		case op == opBlock, op == opLoop, op == opIf, op == opMemorySize, op == opMemoryGrow:
			i.arg = int64(r.byte())
		case op == opBr, op == opBrIf, op == opCall, op >= opLocalGet && op <= opGlobalSet:
			i.arg = int64(r.unsigned())
		case op == opCallTable:
			r.unsigned()
			r.unsigned()
		case op == opBrTable:
			for range r.count() + 1 {
				if r.unsigned(); r.err != nil {
					return nil, r.err
				}
			}
		case op >= opLoad && op < opMemorySize:
			i.align, i.arg = r.unsigned(), int64(r.unsigned())
		case op == opI32Const, op == opI64Const:
			i.arg = r.signed()
		case op == opF32Const:
			r.bytes(4)
		case op == opF64Const:
			r.bytes(8)
		case op == opPrefixed:
			switch sub := r.unsigned(); {
			case sub <= 7: // saturating conversions
			case sub == 10: // memory.copy
				r.bytes(2)
			case sub == 11: // memory.fill
				r.bytes(1)
			default:
				return nil, malformed("an instruction 0xfc %d", sub)
			}
		case op <= 1, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect, op >= opI32Eqz && op <= opLastNumeric:
		default:
			return nil, malformed("an instruction 0x%02x", op)
		}
		if r.err != nil {
			return nil, r.err
		}
		i.text = before[:len(before)-len(r.b)]
		code = append(code, i)
	}
	return code, nil
}

// returnAtOnce spells out how a call that unwinds the stack is left. Go's compiler branches to the end of the function, where it says
// "return 1". How deep that branch goes is different at every call, and so a compressor cannot take a call for another one like it.
// "if return 1 end" is three bytes longer, and always the same.
func returnAtOnce(code []instruction) []instruction {
	n := len(code)
	opens := func(i instruction) bool { return i.op == opBlock || i.op == opLoop || i.op == opIf }
	if first := slices.IndexFunc(code, opens); n < 4 || first < 0 || code[first].op != opBlock {
		return code
	}
	if tail := code[n-3:]; tail[0].op != opEnd || tail[1].op != opI32Const || tail[1].arg != 1 || tail[2].op != opEnd {
		return code
	}
	// The block that ends there is the outermost one; a branch to it goes through all blocks but that one.
	depth := 0
	out := make([]instruction, 0, n+n/8)
	for k, i := range code {
		if i.op == opBrIf && int(i.arg) == depth-1 {
			out = append(out, instruction{op: opIf, text: []byte{opIf, voidBlock}}, instruction{op: opI32Const, arg: 1, text: []byte{opI32Const, 1}},
				instruction{op: opReturn, text: []byte{opReturn}}, instruction{op: opEnd, text: []byte{opEnd}})
			continue
		}
		if opens(i) {
			depth++
		} else if i.op == opEnd {
			depth--
		}
		if depth == 0 && k < n-3 && i.op == opEnd {
			return code // there is another outermost block
		}
		out = append(out, i)
	}
	return out
}

// maxOffset bounds what foldOffsets moves: frames are smaller, and the sum stays far from the end of memory.
const maxOffset = 1 << 20

// foldOffsets moves a constant that is added to the stack pointer into the load or store that uses the sum as its address:
//
//	local.get 1  i64.extend_i32_u  i64.const 40  i64.add  i32.wrap_i64  …  i64.store offset=0
//	local.get 1                                                         …  i64.store offset=40
//
// The stack pointer is far below 2^32-2^20, so neither sum overflows.
func foldOffsets(code []instruction) []instruction {
	out := make([]instruction, 0, len(code))
	extra := map[int]int64{} // by instruction
	for k := 0; k < len(code); k++ {
		i := code[k]
		if add, ok := extra[k]; ok {
			i.text = unsigned(unsigned([]byte{i.op}, i.align), uint64(i.arg+add))
		}
		if i.op == opI64Extend32 && k+3 < len(code) && k > 0 && isStackPointer(code[k-1]) && code[k+1].op == opI64Const && code[k+2].op == opI64Add && code[k+3].op == opI32WrapI64 {
			add := code[k+1].arg
			if use := addressUse(code, k+4); use > 0 && extra[use] == 0 && add >= 0 && add+code[use].arg < maxOffset {
				extra[use] = add
				k += 3
				continue
			}
		}
		out = append(out, i)
	}
	return slices.Clip(out)
}

// isStackPointer tells Go's stack pointer, a global that functions hold in their only local of type i32.
func isStackPointer(i instruction) bool {
	return i.op == opLocalGet && i.arg == 1 || i.op == opGlobalGet && i.arg == 0
}

// addressUse finds the load or store that takes the value on top of the stack before instruction k as its address; 0 if something
// else takes it, or if that is behind a branch.
func addressUse(code []instruction, k int) int {
	above := 0 // values on top of the address
	for ; k < len(code); k++ {
		takes, gives, ok := effect(code[k].op)
		if !ok {
			return 0
		}
		if takes > above {
			isLoad := code[k].op >= opLoad && code[k].op < opStore && above == 0
			isStore := code[k].op >= opStore && code[k].op < opMemorySize && above == 1
			if isLoad || isStore {
				return k
			}
			return 0
		}
		above += gives - takes
	}
	return 0
}

// effect is how many values an instruction takes from the stack and gives back, where that is all it does to the flow of control.
func effect(op byte) (takes, gives int, ok bool) {
	in := func(from, to byte) bool { return op >= from && op <= to }
	switch {
	case op == opDrop, op == opLocalSet, op == opGlobalSet:
		return 1, 0, true
	case op == opSelect:
		return 3, 1, true
	case op == opLocalGet, op == opGlobalGet, op == opMemorySize, in(opI32Const, opF64Const):
		return 0, 1, true
	case op == opLocalTee, op == opMemoryGrow, in(opLoad, opStore-1):
		return 1, 1, true
	case in(opStore, opMemorySize-1):
		return 2, 0, true
	// Operators of one operand: tests for zero, bit counts, roundings, conversions, sign extensions.
	case op == 0x45, op == 0x50, in(0x67, 0x69), in(0x79, 0x7b), in(0x8b, 0x91), in(0x99, 0x9f), in(opI32WrapI64, opLastNumeric):
		return 1, 1, true
	case in(opI32Eqz, opI32WrapI64-1):
		return 2, 1, true
	}
	return 0, 0, false
}
