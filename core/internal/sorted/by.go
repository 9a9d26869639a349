// Package sorted sorts slices of structs by pointers to them. The compiler makes an instance of
// slices.SortStableFunc for each type of element, 7 KB of the guest each, but only one for all
// types of pointers.
package sorted

import "slices"

// By sorts items in place; equal items keep their order.
func By[T any](items []T, compare func(a, b *T) int) {
	order := make([]*T, len(items))
	for i := range items {
		order[i] = &items[i]
	}
	slices.SortStableFunc(order, compare)
	out := make([]T, len(items))
	for i, p := range order {
		out[i] = *p
	}
	copy(items, out)
}
