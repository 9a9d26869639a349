package wgsl

import (
	"maps"
	"slices"
	"strconv"
)

// Values are the numbers that the expressions of a template can name.
type Values map[string]int

// Key identifies the values in the name of an expanded template: "(A=1,B=2)" in order of name, or
// "" without values. Two expansions of one file with equal keys have equal text, whatever they
// include.
func (v Values) Key() string {
	if len(v) == 0 {
		return ""
	}
	key := []byte{'('}
	for i, name := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			key = append(key, ',')
		}
		key = append(append(key, name...), '=')
		key = strconv.AppendInt(key, int64(v[name]), 10)
	}
	return string(append(key, ')'))
}

// Bool is a truth value as a number.
func Bool(b bool) int {
	if b {
		return 1
	}
	return 0
}
