// Package wgsl expands WGSL templates. WGSL has no preprocessor, no way to keep an array in
// registers on every compiler, and its override constants are missing from the native compiler that
// this repository uses. So shader files choose lines, repeat lines and insert numbers as text,
// before the GPU's compiler sees them.
//
// A template is a WGSL file with directives. Each directive is a line of its own and a WGSL
// comment:
//
//	//#include NAME        inserts the template NAME, expanded with the values of this place
//	//#if EXPR             keeps the lines up to the next branch if EXPR is not 0
//	//#elif EXPR           the same, if no branch before it was kept
//	//#else
//	//#endif
//	//#for NAME EXPR       repeats the lines up to its //#endfor with NAME = 0, 1, …, EXPR-1
//	//#endfor
//	//#let NAME EXPR       defines a value, to the end of the enclosing //#for or of the expansion
//
// In all other lines, {EXPR} without spaces is replaced by the value of EXPR; braces around
// anything else are WGSL's own.
//
// Expressions are integers with the operators of Go, strongest first: unary - and !, then * / %,
// then + -, then == != < <= > >=, then &&, then ||; and parentheses. Operators of equal strength
// apply from left to right. Division truncates toward zero. Comparisons and the logical operators
// give 1 or 0. A name without a value is an error. Lines in branches that are not kept are not
// evaluated.
package wgsl
