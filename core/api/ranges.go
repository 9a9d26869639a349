package api

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"nextquill/core/fault"
)

// Range is what a numeric parameter may be. The tag "range" of a field states it: `range:"0 1"`, or
// `range:"(0 1)"` without its ends.
type Range struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Open bool    `json:"open,omitempty"` // without the ends
	Int  bool    `json:"int,omitempty"`  // whole numbers only
}

// contains reports whether v is in the range. NaN never is.
func (r Range) contains(v float64) bool {
	if r.Open {
		return v > r.Min && v < r.Max
	}
	return v >= r.Min && v <= r.Max
}

// Check returns a fault of kind OutOfRange if v is not in the range.
func (r Range) Check(where, field string, v float64) error {
	if r.contains(v) {
		return nil
	}
	return fault.New(fault.OutOfRange, where, field, "%v", v).WithLimit("%s", r).
		WithRemedy("use a number in this range, or leave it out for the default")
}

// String is the range as messages state it.
func (r Range) String() string {
	number := func(v float64) string {
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	if r.Open {
		return fmt.Sprintf("above %s and below %s", number(r.Min), number(r.Max))
	}
	return fmt.Sprintf("%s to %s", number(r.Min), number(r.Max))
}

// RangeOf is the range of a struct's field. ok is false if the field has none.
func RangeOf(f reflect.StructField) (r Range, ok bool) {
	tag, ok := f.Tag.Lookup("range")
	if !ok {
		return r, false
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(tag, "("), ")")
	low, high, _ := strings.Cut(inner, " ")
	r.Open = inner != tag
	var failed [2]error
	r.Min, failed[0] = strconv.ParseFloat(low, 64)
	r.Max, failed[1] = strconv.ParseFloat(high, 64)
	if failed[0] != nil || failed[1] != nil {
		panic("api: field " + f.Name + " has the range " + strconv.Quote(tag))
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	r.Int = t.Kind() != reflect.Float64
	return r, true
}

// CheckRanges returns a fault of kind OutOfRange for the first number of a request that is out of
// the range of its field. A number that is not set is not checked. params is a struct or a pointer
// to one; where is the name of the request in the message.
func CheckRanges(where string, params any) error {
	return checkRanges(where, reflect.Indirect(reflect.ValueOf(params)))
}

func checkRanges(where string, v reflect.Value) error {
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		f = reflect.Indirect(f) // invalid if the pointer is nil
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		r, ok := RangeOf(field)
		switch {
		case !f.IsValid():
		case f.Kind() == reflect.Struct && field.Anonymous:
			if err := checkRanges(where, f); err != nil {
				return err
			}
		case f.Kind() == reflect.Struct:
			if err := checkRanges(name, f); err != nil {
				return err
			}
		case ok:
			if err := r.Check(where, name, numberOf(f)); err != nil {
				return err
			}
		}
	}
	return nil
}

// numberOf is the number in a value of a numeric type.
func numberOf(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}
