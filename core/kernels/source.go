// Package kernels has one Go file per compute kernel: what it computes (shapes, units, source), its
// bindings and its workgroup counts. The WGSL is in /shaders. The CPU references and the test cases are in
// core/kernels/kerneltest.
package kernels

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"nextquill/core/gpu"
	"nextquill/shaders"
)

// Consts specialises a shader by text, since WGSL's own override constants are
// missing from the native compiler. A string, number or bool value replaces the
// value of `const NAME: type = …;`; a bool also decides lines between
// `//#if NAME` (or `//#if !NAME`), `//#else` and `//#endif`.
type Consts map[string]any

var (
	programMutex sync.Mutex
	programCache = map[string]*gpu.Program{}
)

// program returns shader file, specialised by consts, with its bindings from 2 on.
func program(file string, consts Consts, args ...gpu.Access) *gpu.Program {
	return programAfter("", file, consts, args...)
}

// programAfter is program with a text that the file builds on put before it.
func programAfter(prelude, file string, consts Consts, args ...gpu.Access) *gpu.Program {
	key := file + constsKey(consts)
	programMutex.Lock()
	defer programMutex.Unlock()
	if p, ok := programCache[key]; ok {
		return p
	}
	p := &gpu.Program{
		Name: file + constsKey(consts),
		WGSL: shaders.Text("common") + prelude + specialise(file, shaders.Text(file), consts),
		Args: args,
	}
	programCache[key] = p
	return p
}

func constsKey(consts Consts) string {
	if len(consts) == 0 {
		return ""
	}
	var parts []string
	for k, v := range consts {
		parts = append(parts, fmt.Sprintf("%s=%v", k, v))
	}
	sort.Strings(parts)
	return "(" + strings.Join(parts, ",") + ")"
}

func specialise(file, text string, consts Consts) string {
	text = conditionals(file, text, consts)
	for name, value := range consts {
		head := "const " + name + ": "
		at := strings.Index("\n"+text, "\n"+head)
		if at < 0 {
			if _, flag := value.(bool); flag {
				continue
			}
			panic(fmt.Sprintf("kernels: %s.wgsl has no constant %s", file, name))
		}
		typ, rest, _ := strings.Cut(text[at+len(head):], " = ")
		_, rest, _ = strings.Cut(rest, ";")
		text = text[:at] + head + typ + " = " + literal(typ, value) + ";" + rest
	}
	return text
}

func literal(typ string, value any) string {
	s := fmt.Sprint(value)
	switch {
	case typ == "u32":
		return s + "u"
	case typ == "f32" && !strings.ContainsAny(s, ".e"):
		return s + ".0"
	}
	return s
}

// conditionals keeps or drops the lines between //#if and //#endif.
func conditionals(file, text string, consts Consts) string {
	if !strings.Contains(text, "//#if") {
		return text
	}
	var out []string
	keep := []bool{true}
	for n, line := range strings.Split(text, "\n") {
		word := strings.Fields(line)
		directive := ""
		if len(word) > 0 && strings.HasPrefix(word[0], "//#") {
			directive = word[0]
		}
		top := len(keep) - 1
		switch directive {
		case "//#if":
			name, not := strings.CutPrefix(word[1], "!")
			on, _ := consts[name].(bool)
			keep = append(keep, keep[top] && on != not)
		case "//#else":
			keep[top] = keep[top-1] && !keep[top]
		case "//#endif":
			keep = keep[:top]
		case "":
			if keep[top] {
				out = append(out, line)
			}
		default:
			panic(fmt.Sprintf("kernels: %s.wgsl:%d: unknown directive %s", file, n+1, directive))
		}
		if len(keep) == 0 {
			panic(fmt.Sprintf("kernels: %s.wgsl:%d: //#endif without //#if", file, n+1))
		}
	}
	return strings.Join(out, "\n")
}
