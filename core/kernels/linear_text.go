package kernels

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"nextquill/core/gpu"
	"nextquill/shaders"
)

// Register blocks need unrolled text: WGSL has no way to keep an array in
// registers on every compiler. So the linear kernels' shader files are templates:
//
//	//#for i TM      repeats the lines up to its //#endfor with i = 0 … TM-1
//	{i*4+1}          is replaced by the value; names are loop variables and sizes
//
// The conditionals of source.go work in templates too, after the unrolling.

// unrolled is program for a template with integer sizes, of which QUADS, WHOLE and ADD
// are flags, too; consts are flags only.
func unrolled(file string, sizes map[string]int, consts Consts, args ...gpu.Access) *gpu.Program {
	return unrolledText(file, shaders.Text(file), sizes, consts, args...)
}

// plain is unrolled without conditionals.
func plain(file string, sizes map[string]int, args ...gpu.Access) *gpu.Program {
	return unrolled(file, sizes, nil, args...)
}

// unrolledText is unrolled for a text that is put together first; file names it.
func unrolledText(file, text string, sizes map[string]int, consts Consts, args ...gpu.Access) *gpu.Program {
	all := Consts{}
	for k, v := range sizes {
		all[k] = v
	}
	maps.Copy(all, consts)
	key := file + constsKey(all)
	programMutex.Lock()
	defer programMutex.Unlock()
	if p, ok := programCache[key]; ok {
		return p
	}
	lines := unroll(file, strings.Split(text, "\n"), sizes)
	text = shaders.Text("common")
	flags := Consts{}
	maps.Copy(flags, consts)
	for _, name := range []string{"QUADS", "WHOLE", "ADD"} {
		flags[name] = sizes[name] > 0
	}
	if sizes["QUADS"] > 0 {
		text = "enable subgroups;\n" + text
	}
	if sizes["HALF"] > 0 {
		text = "enable f16;\n" + text
	}
	p := &gpu.Program{
		Name: key,
		WGSL: text + conditionals(file, strings.Join(lines, "\n"), flags),
		Args: args,
	}
	programCache[key] = p
	return p
}

// unroll expands loops and placeholders of a template.
func unroll(file string, lines []string, sizes map[string]int) []string {
	var out []string
	for n := 0; n < len(lines); n++ {
		words := strings.Fields(lines[n])
		if len(words) == 3 && words[0] == "//#for" {
			end := loopEnd(file, lines, n)
			inner := map[string]int{}
			for k, v := range sizes {
				inner[k] = v
			}
			for i := range evaluate(file, words[2], sizes) {
				inner[words[1]] = i
				out = append(out, unroll(file, lines[n+1:end], inner)...)
			}
			n = end
			continue
		}
		out = append(out, fill(file, lines[n], sizes))
	}
	return out
}

// fill replaces a line's placeholders. Braces around anything but names, numbers and operators are WGSL's own.
func fill(file, line string, sizes map[string]int) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(line, '{')
		if open < 0 {
			b.WriteString(line)
			return b.String()
		}
		size := strings.IndexFunc(line[open+1:], func(c rune) bool {
			return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("+-*/", c))
		})
		end := open + 1 + size
		if size > 0 && line[end] == '}' {
			b.WriteString(line[:open])
			b.WriteString(strconv.Itoa(evaluate(file, line[open+1:end], sizes)))
		} else {
			end = open
			b.WriteString(line[:open+1])
		}
		line = line[end+1:]
	}
}

func loopEnd(file string, lines []string, start int) int {
	depth := 0
	for n := start; n < len(lines); n++ {
		switch word, _, _ := strings.Cut(strings.TrimSpace(lines[n]), " "); word {
		case "//#for":
			depth++
		case "//#endfor":
			depth--
		}
		if depth == 0 {
			return n
		}
	}
	panic(fmt.Sprintf("kernels: %s.wgsl: //#for without //#endfor", file))
}

// evaluate computes sums of products of names and numbers, e.g. q*4+1 or TN/4.
func evaluate(file, expr string, sizes map[string]int) int {
	for _, op := range "+-*/" {
		at := strings.LastIndexByte(expr, byte(op))
		if at < 0 {
			continue
		}
		a, b := evaluate(file, expr[:at], sizes), evaluate(file, expr[at+1:], sizes)
		switch op {
		case '+':
			return a + b
		case '-':
			return a - b
		case '*':
			return a * b
		}
		return a / b
	}
	if v, ok := sizes[expr]; ok {
		return v
	}
	v, err := strconv.Atoi(expr)
	if err != nil {
		panic(fmt.Sprintf("kernels: %s.wgsl: unknown name %q", file, expr))
	}
	return v
}
