package api_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// eachNumber calls f for every numeric parameter of every method, with a new value of the method's
// parameters in which the field can be set.
func eachNumber(t *testing.T, f func(params, field reflect.Value, path string, of reflect.StructField)) {
	t.Helper()
	var walk func(root func() reflect.Value, index [][]int, v reflect.Type, path string)
	walk = func(root func() reflect.Value, index [][]int, v reflect.Type, path string) {
		for i := range v.NumField() {
			of := v.Field(i)
			name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
			inner := of.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			here := append(slices.Clone(index), []int{i})
			switch {
			case inner.Kind() == reflect.Struct && of.Type.Kind() == reflect.Struct:
				at := path
				if !of.Anonymous {
					at += name + "."
				}
				walk(root, here, inner, at)
			case inner.Kind() >= reflect.Int && inner.Kind() <= reflect.Float64:
				params := root()
				field := params
				for _, step := range here {
					field = field.FieldByIndex(step)
				}
				if field.Kind() == reflect.Pointer {
					field.Set(reflect.New(inner))
					field = field.Elem()
				}
				f(params, field, path+name, of)
			}
		}
	}
	for _, m := range api.Methods() {
		if m.Params != nil {
			typ := reflect.TypeOf(m.Params)
			root := func() reflect.Value { return reflect.New(typ).Elem() }
			walk(root, nil, typ, m.Name+" ")
		}
	}
}

// TestNumbersHaveRanges sets each number of each request to 0, a negative number, NaN and a huge
// one. What is out of the range of the field is refused by its name, and what is in it stays in the
// request: a 0 is never taken for "not set", unless 0 is the default itself.
func TestNumbersHaveRanges(t *testing.T) {
	seen := map[string]bool{}
	eachNumber(t, func(params, field reflect.Value, path string, of reflect.StructField) {
		group, _, _ := strings.Cut(path, " ")
		seen[path] = true
		for _, x := range []float64{0, -1, -.5, math.NaN(), math.Inf(1), 1e300, 1e12} {
			if field.Kind() != reflect.Float64 && (x != math.Trunc(x) || math.Abs(x) > 1e15) {
				continue // JSON refuses it
			}
			if field.CanUint() {
				if x < 0 {
					continue
				}
				field.SetUint(uint64(uint32(x)))
			} else {
				field.Set(reflect.ValueOf(x).Convert(field.Type()))
			}
			r, ok := api.RangeOf(of)
			if !ok {
				require.Equal(t, "Seed", of.Name, "%s has no range", path) // any value is a seed
				continue
			}
			// The other numbers of a request without pointers are 0, which some ranges exclude.
			err := api.CheckRanges(group, onlyNumber(params, field))
			inside := x >= r.Min && x <= r.Max && !(r.Open && (x == r.Min || x == r.Max))
			if inside {
				require.NoError(t, err, "%s = %v", path, x)
				raw, err := json.Marshal(params.Interface())
				require.NoError(t, err)
				name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
				if x != 0 || of.Type.Kind() == reflect.Pointer {
					require.Contains(t, string(raw), `"`+name+`":`, "%s = %v", path, x)
				}
				continue
			}
			require.ErrorIs(t, err, fault.OutOfRange, "%s = %v", path, x)
			name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
			require.ErrorContains(t, err, name+": ")
			require.ErrorContains(t, err, r.String())
		}
	})
	for _, path := range []string{
		"personalize training.lr", "personalize training.epochs", "personalize lora.alpha", "write retrieval.k",
		"write sampling.top_p", "write sampling.max_tokens", "evaluate memory", "explain item", "bench repeats",
	} {
		require.True(t, seen[path], path)
	}
}

// onlyNumber gives the numbers of "bench" that are not pointers a value in their range, except for
// field itself.
func onlyNumber(params, field reflect.Value) any {
	p := params.Interface()
	b, ok := p.(api.BenchParams)
	if !ok {
		return p
	}
	for name, n := range map[string]*int{
		"Prefix": &b.Prefix, "History": &b.History, "Suffix": &b.Suffix, "Response": &b.Response,
	} {
		if params.FieldByName(name).Addr().Interface() != field.Addr().Interface() {
			*n = 1
		}
	}
	return b
}

// TestRangeText is how messages state a range.
func TestRangeText(t *testing.T) {
	require.Equal(t, "0 to 10", api.Range{Max: 10}.String())
	require.Equal(t, "above 0 and below 1", api.Range{Max: 1, Open: true}.String())
	require.Equal(t, "1e-06 to 1000000", api.Range{Min: 1e-6, Max: 1e6}.String())
}
