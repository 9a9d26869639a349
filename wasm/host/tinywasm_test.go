package host

import "nextquill/wasm/abi"

// tinyGuest is a handmade guest for tests of broken guests.
type tinyGuest struct {
	imports [][2]string       // module and name, all of type () -> ()
	without string            // an export to leave out
	bodies  map[string][]byte // code of an export, in place of returning 0
}

// Instructions for the bodies.
const (
	wasmUnreachable = 0x00
	wasmCall        = 0x10
	wasmDrop        = 0x1a
	wasmI32Const    = 0x41
	wasmEnd         = 0x0b
)

func i32const(v int32) []byte { return append([]byte{wasmI32Const}, sleb(int64(v))...) }

// sleb is the signed LEB128 encoding.
func sleb(v int64) []byte {
	var out []byte
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func uleb(v int) []byte {
	var out []byte
	for v >= 0x80 {
		out = append(out, byte(v)|0x80)
		v >>= 7
	}
	return append(out, byte(v))
}

func vector(items [][]byte) []byte {
	out := uleb(len(items))
	for _, i := range items {
		out = append(out, i...)
	}
	return out
}

func text(s string) []byte { return append(uleb(len(s)), s...) }

func section(id byte, content []byte) []byte {
	return append(append([]byte{id}, uleb(len(content))...), content...)
}

// wasm encodes the module: one page of memory, the ABI's exports, and as imports g.imports and
// respond, which a body calls as function len(g.imports).
func (g tinyGuest) wasm() []byte {
	valtypes := func(v []abi.Value) []byte {
		out := uleb(len(v))
		for _, one := range v {
			if one == abi.I64 {
				out = append(out, 0x7e)
			} else {
				out = append(out, 0x7f)
			}
		}
		return out
	}
	types := [][]byte{{0x60, 0, 0}, {0x60, 2, 0x7f, 0x7f, 1, 0x7f}}
	var imports, funcs, exports, code [][]byte
	for _, i := range g.imports {
		imports = append(imports, append(append(text(i[0]), text(i[1])...), 0, 0))
	}
	imports = append(imports, append(append(text(abi.Module), text("respond")...), 0, 1))
	for _, f := range append([]abi.Func{{Name: "_initialize"}}, abi.Exports...) {
		types = append(types, append(append([]byte{0x60}, valtypes(f.Params)...), valtypes(f.Results)...))
		funcs = append(funcs, uleb(len(types)-1))
		body := g.bodies[f.Name]
		if body == nil {
			switch {
			case f.Name == "start":
				body = i32const(abi.Version)
			case f.Name == "alloc":
				body = i32const(1024)
			case len(f.Results) > 0:
				body = i32const(0)
			}
		}
		body = append(append([]byte{0}, body...), wasmEnd)
		code = append(code, append(uleb(len(body)), body...))
		if f.Name != g.without {
			exports = append(exports, append(append(text(f.Name), 0), uleb(len(imports)+len(funcs)-1)...))
		}
	}
	if g.without != "memory" {
		exports = append(exports, append(text("memory"), 2, 0))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, vector(types))...)
	out = append(out, section(2, vector(imports))...)
	out = append(out, section(3, vector(funcs))...)
	out = append(out, section(5, []byte{1, 0, 1})...)
	out = append(out, section(7, vector(exports))...)
	return append(out, section(10, vector(code))...)
}
