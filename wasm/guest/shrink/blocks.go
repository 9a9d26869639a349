package shrink

import "slices"

// Go's compiler cuts a function into blocks, at each call and at each target of a jump, so that a goroutine can leave in the middle and come back.
// Local 0 holds a block's number when the function is entered and when it jumps; a table at the top leads there. A call
// leaves "the function's number << 16 | the number of the block behind the call" on Go's stack; a jump sets local 0 and goes
// back to the table:
//
//	i64.const 631111682  i64.store             at each of 40,000 calls
//	i32.const 17  local.set 0  br 23           at each of 30,000 jumps
//
// These numbers are a sixth of the compressed guest: hardly two are the same, though each is known from where it stands.
// numberBlocks keeps local 0 at the number of the block that runs, so that all numbers become distances, and takes the
// function's number from a local that is set once:
//
//	local.get 0  i32.const 1  i32.add  local.tee 0  i64.extend_i32_u  local.get 2  i64.or  i64.store
//	local.get 0  i32.const 3  i32.add  local.set 0  br 2
//
// A jump forward goes straight to its block, which saves the table, too.

// Locals of Go's functions: the parameter and the stack pointer; behind them the one that numberBlocks adds.
const (
	localBlock    = 0
	localStack    = 1
	localFunction = 2
)

// body is a function of the code section.
type body struct {
	locals []localGroup
	code   []instruction
}

type localGroup struct {
	count uint64
	kind  byte
}

// Types of locals.
const (
	typeI32 = 0x7f
	typeI64 = 0x7e
)

// numberBlocks rewrites a function as told above. It leaves alone what is not of the compiler's form. With check the
// function traps where local 0 is not what it is taken for.
func (b *body) numberBlocks(f goFunction, check bool) {
	if f.assembly || len(b.locals) == 0 || b.locals[0] != (localGroup{1, typeI32}) {
		return
	}
	c, ok := cutBlocks(b.code)
	if !ok || !c.findSites(f) {
		return
	}
	code := c.rewrite(check)
	if c.calls == 0 {
		b.code = code
		return
	}
	b.code = slices.Concat([]instruction{
		with(opI64Const, int64(f.number)), with(opI64Const, 16), plain(opI64Shl), with(opLocalSet, localFunction),
	}, code)
	if len(b.locals) > 1 && b.locals[1].kind == typeI64 {
		b.locals[1].count++
	} else {
		b.locals = slices.Insert(b.locals, 1, localGroup{1, typeI64})
	}
}

// blocks is a function's code, cut where its blocks end.
type blocks struct {
	head  []instruction   // the table, and what stands before it
	table []int64         // from a number in local 0 to a block; nil without blocks
	block [][]instruction // each without the "end" behind it
	tail  []instruction   // what follows the last block
	first []int64         // the number by which each block is entered, -1 where there is none
	sites []map[int]site  // by block and instruction
	calls int
}

// cutBlocks finds the table and the ends of blocks.
func cutBlocks(code []instruction) (*blocks, bool) {
	c := &blocks{}
	at := slices.IndexFunc(code, func(i instruction) bool { return i.op == opBrTable })
	if at >= 0 {
		if at == 0 || !is(code[at-1], opLocalGet, localBlock) || at+1 >= len(code) || code[at+1].op != opEnd {
			return nil, false
		}
		c.head, c.table = code[:at+2], code[at].table
		code = code[at+2:]
	}
	count := 1
	if c.table != nil {
		count += int(slices.Max(c.table))
	}
	for len(c.block) < count {
		end := blockEnd(code)
		if end < 0 {
			return nil, false
		}
		c.block = append(c.block, code[:end])
		code = code[end:]
		if len(c.block) < count {
			code = code[1:]
		}
	}
	c.tail = code
	return c, true
}

// blockEnd is the "end" of the construct that the code stands in, -1 if there is none.
func blockEnd(code []instruction) int {
	nested := 0
	for i, in := range code {
		switch {
		case in.op == opBrTable:
			return -1
		case in.opens():
			nested++
		case in.op == opEnd && nested == 0:
			return i
		case in.op == opEnd:
			nested--
		}
	}
	return -1
}

// site is a place that names a block.
type site struct {
	kind   siteKind
	number int64 // of the block
	size   int   // in instructions
	nested int   // constructs that are open there, inside the block
}

type siteKind byte

const (
	siteJump     siteKind = iota // i32.const NUMBER  local.set 0  br
	siteCall                     // i64.const FUNCTION << 16 | NUMBER; the call comes back to the next block
	siteIndirect                 // the same, and the call goes through the table of functions, which takes local 0 for something else
	siteInside                   // the same constant; the call comes back to where it was, or never
)

// findSites finds all that names a block. Local 0 can only be kept if each block is entered by one number.
func (c *blocks) findSites(f goFunction) bool {
	c.first = slices.Repeat([]int64{-1}, len(c.block))
	if !c.enter(0) || f.deferreturn != 0 && !c.enter(int64(f.deferreturn)) {
		return false
	}
	for b, code := range c.block {
		sites, nested, lost := map[int]site{}, 0, false
		for i := 0; i < len(code); i++ {
			in := code[i]
			switch {
			case in.opens():
				nested++
			case in.op == opEnd:
				nested--
			case isJump(code[i:]):
				if lost || !c.enter(in.arg) || code[i+2].arg != int64(nested+len(c.block)-1-b) {
					return false
				}
				sites[i] = site{siteJump, in.arg, 3, nested}
				i += 2
			case isReturnAddress(code, i) && uint64(in.arg)>>16 == uint64(f.number):
				if lost {
					return false
				}
				s := site{siteInside, in.arg & 0xffff, 1, nested}
				indirect := isIndirectCall(code[i+2:])
				if nested == 0 && c.at(s.number) == b+1 {
					if s.kind = siteCall; indirect {
						s.kind, s.size = siteIndirect, 1+1+len(indirectCall)
					}
					if !c.enter(s.number) {
						return false
					}
				} else if indirect {
					return false
				}
				sites[i], lost = s, s.kind == siteIndirect
				i += s.size - 1
				c.calls++
			case in.arg == localBlock && (in.op == opLocalGet || in.op == opLocalSet || in.op == opLocalTee):
				return false
			}
		}
		c.sites = append(c.sites, sites)
	}
	return true
}

// at is the block that a number leads to, -1 for none.
func (c *blocks) at(number int64) int {
	if c.table == nil && number == 0 {
		return 0
	}
	if number < 0 || number >= int64(len(c.table)) {
		return -1
	}
	return int(c.table[number])
}

// enter notes that a block is entered by a number, and tells whether that is the only one.
func (c *blocks) enter(number int64) bool {
	b := c.at(number)
	if b < 0 || c.first[b] >= 0 && c.first[b] != number {
		return false
	}
	c.first[b] = number
	return true
}

// indirectCall is what a call through the table of functions does with the function's address.
var indirectCall = []instruction{
	{op: opI64Const, arg: 16}, {op: opI64ShrU}, {op: opI32WrapI64}, {op: opLocalSet, arg: localBlock},
	{op: opI32Const, arg: 0}, {op: opLocalGet, arg: localBlock}, {op: opCallTable},
}

func isIndirectCall(code []instruction) bool {
	return len(code) >= len(indirectCall) && slices.EqualFunc(code[:len(indirectCall)], indirectCall, func(a, b instruction) bool {
		return a.op == b.op && a.arg == b.arg
	})
}

func isJump(code []instruction) bool {
	return len(code) >= 3 && code[0].op == opI32Const && is(code[1], opLocalSet, localBlock) && code[2].op == opBr
}

// isReturnAddress tells the constant that is stored where the stack pointer has just been moved to.
func isReturnAddress(code []instruction, i int) bool {
	return i >= 5 && i+1 < len(code) && code[i].op == opI64Const && code[i+1].op == opI64Store && code[i+1].arg == 0 &&
		is(code[i-5], opI32Const, 8) && code[i-4].op == opI32Sub && is(code[i-3], opLocalTee, localStack) && is(code[i-2], opGlobalSet, 0) &&
		is(code[i-1], opLocalGet, localStack)
}

func is(i instruction, op byte, arg int64) bool { return i.op == op && i.arg == arg }

// rewrite puts distances in place of numbers, and counts local 0 on where one block runs into the next.
func (c *blocks) rewrite(check bool) []instruction {
	out := slices.Clone(c.moved(c.head))
	for b, code := range c.block {
		now := c.first[b] // what is in local 0
		lost := false     // something else is, since an indirect call
		if check {
			out = append(out, with(opLocalGet, localBlock), with(opI32Const, now), plain(opI32Ne), with(opIf, voidBlock), plain(opUnreachable), plain(opEnd))
		}
		for i := 0; i < len(code); i++ {
			s, ok := c.sites[b][i]
			if !ok {
				out = append(out, c.moved(code[i:i+1])...)
				continue
			}
			out = append(out, with(opLocalGet, localBlock), with(opI32Const, s.number-now), plain(opI32Add))
			switch s.kind {
			case siteJump:
				branch := code[i+2]
				if to := c.at(s.number); to > b {
					branch = with(opBr, int64(to-b-1+s.nested))
				}
				out = append(out, with(opLocalSet, localBlock), branch)
			case siteCall, siteIndirect:
				out = append(out, with(opLocalTee, localBlock))
				now, lost = s.number, s.kind == siteIndirect
				fallthrough
			case siteInside:
				out = append(out, plain(opI64Extend32), with(opLocalGet, localFunction), plain(opI64Or))
				out = append(out, c.moved(code[i+1:i+s.size])...)
			}
			i += s.size - 1
		}
		if b+1 < len(c.block) {
			out = append(append(out, c.runInto(b, now, lost)...), plain(opEnd))
		}
	}
	return append(out, c.moved(c.tail)...)
}

// runInto is what the end of a block does so that local 0 is right in the next one.
func (c *blocks) runInto(b int, now int64, lost bool) []instruction {
	next := &c.first[b+1]
	if *next < 0 {
		*next = now
	}
	if code := c.block[b]; len(code) > 0 {
		if last := code[len(code)-1].op; last == opBr || last == opReturn || last == opUnreachable {
			return nil
		}
	}
	switch {
	case lost:
		return []instruction{with(opI32Const, *next), with(opLocalSet, localBlock)}
	case *next != now:
		return []instruction{with(opLocalGet, localBlock), with(opI32Const, *next-now), plain(opI32Add), with(opLocalSet, localBlock)}
	}
	return nil
}

// moved makes room for localFunction, if it is needed.
func (c *blocks) moved(code []instruction) []instruction {
	if c.calls == 0 {
		return code
	}
	out := slices.Clone(code)
	for i, in := range out {
		if (in.op == opLocalGet || in.op == opLocalSet || in.op == opLocalTee) && in.arg >= localFunction {
			out[i] = with(in.op, in.arg+1)
		}
	}
	return out
}
