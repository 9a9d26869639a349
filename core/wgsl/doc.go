// Package wgsl expands WGSL templates. WGSL has no preprocessor and no means to keep an array in
// registers that works with every compiler, and the native compiler does not support WGSL's
// override constants. Templates therefore select lines, repeat lines and insert numbers, before the
// device's compiler reads the text.
//
// A template is a WGSL file with directives. Each directive is a line of its own and a WGSL
// comment:
//
//	//#include NAME        inserts the template NAME, expanded with the values defined here
//	//#if EXPR             keeps the lines up to the next branch if EXPR is not 0
//	//#elif EXPR           the same, if no branch before it was kept
//	//#else
//	//#endif
//	//#for NAME EXPR       repeats the lines up to its //#endfor with NAME = 0, 1, …, EXPR-1
//	//#endfor
//	//#let NAME EXPR       defines NAME, up to the end of the enclosing //#for or of the output
//
// In all other lines, {EXPR} without spaces is replaced by the value of EXPR. All other braces are
// part of the WGSL.
//
// Expressions are integers with the operators of Go, strongest first: unary - and !, then * / %,
// then + -, then == != < <= > >=, then &&, then ||; and parentheses. Operators of equal strength
// apply from left to right. Division truncates toward zero. Comparisons and the logical operators
// give 1 or 0. A name without a value is an error. Lines in branches that are not kept are not
// evaluated.
package wgsl
