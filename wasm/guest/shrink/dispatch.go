package shrink

import "slices"

// The code of a function with calls, as Go's compiler writes it (cmd/internal/obj/wasm). A table at its start leads to the points at which it
// can be entered: the beginning, behind each call, and where jumps go. A jump is a branch back to the loop, with the next point in local 0.
//
//	global.get 0  local.set 1            the stack pointer
//	block                                the way out, if there is one
//	  loop                               if there are jumps
//	    block … block                    one a point
//	      local.get 0  br_table …
//	    end
//	    code behind point 0
//	  end
//	  code behind point 1
//	  …
//
// Program counters are 16 bits of function and 16 of place. The table sends places to points; a point is entered by the first of its places.
const (
	placeLocal = 0
	stackLocal = 1
	placeBits  = 16
	firstPC    = 1 << 12 // the function part of the first function: funcValueOffset in cmd/link/internal/wasm
)

// dispatch is the start of such a function.
type dispatch struct {
	loop   bool
	blocks int   // the instruction where the points' blocks begin
	behind int   // the end behind br_table
	starts []int // the place by which a point is entered
	points []int // the point of a place
}

func findDispatch(code []instruction) (d dispatch, ok bool) {
	table := slices.IndexFunc(code, func(i instruction) bool { return i.op == opBrTable })
	is := func(k int, op byte, arg int64) bool { return k < len(code) && code[k].op == op && code[k].arg == arg }
	if table < 4 || !is(0, opGlobalGet, 0) || !is(1, opLocalSet, stackLocal) || !is(table-1, opLocalGet, placeLocal) || !is(table+1, opEnd, 0) {
		return d, false
	}
	r := &reader{b: code[table].text[1:]}
	for place := range r.count() + 1 {
		point := int(r.unsigned())
		if point == len(d.starts) {
			d.starts = append(d.starts, place)
		}
		if point != len(d.starts)-1 {
			return d, false
		}
		d.points = append(d.points, point)
	}
	d.behind, d.blocks = table+1, table-1-len(d.starts)
	k := 2
	if k < d.blocks && is(k, opBlock, voidBlock) {
		k++
	}
	if d.loop = k < d.blocks && is(k, opLoop, voidBlock); d.loop {
		k++
	}
	for ; k < table-1 && is(k, opBlock, voidBlock); k++ {
		ok = k >= d.blocks
	}
	return d, ok && k == table-1 && r.err == nil
}

// enters tells whether a point is entered by this place.
func (d *dispatch) enters(place int64) bool {
	return place >= 0 && place < int64(len(d.points)) && d.starts[d.points[place]] == int(place)
}
