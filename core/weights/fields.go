package weights

import (
	"encoding/json"
	"math"
	"slices"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// fields reads the members of a JSON object by name and type. It keeps the first error in err;
// later reads then return zero values. The caller checks err once at the end.
type fields struct {
	where  string // the file
	prefix string // path of a nested object, with a trailing dot
	raw    map[string]json.RawMessage
	err    error
}

func readFields(where string, data []byte) (*fields, error) {
	f := &fields{where: where, raw: map[string]json.RawMessage{}}
	r := jsonx.NewReader(data)
	err := f.read(r)
	if err == nil {
		err = r.End()
	}
	if err != nil {
		if fault.KindOf(err) == "" {
			err = fault.New(fault.Malformed, where, "", "is not a JSON object").WithCause(err).
				WithRemedy("the file is truncated or altered: download it again")
		}
		return nil, err
	}
	return f, nil
}

func (f *fields) read(r *jsonx.Reader) error {
	return r.Object(func(k string) (err error) {
		if _, twice := f.raw[k]; twice {
			return fault.New(fault.Malformed, f.where, f.prefix+k, "appears twice").WithRemedy("remove one of the two")
		}
		f.raw[k], err = r.Raw()
		return err
	})
}

// fail records a fault about a field, unless there is an earlier one.
func (f *fields) fail(kind fault.Kind, key, format string, args ...any) *fault.Error {
	e := fault.New(kind, f.where, f.prefix+key, format, args...)
	if f.err == nil {
		f.err = e
	}
	return e
}

func (f *fields) absent(key string) bool { return f.raw[key] == nil }

// null reports whether the field is absent or null. Hugging Face files use both for "the default".
func (f *fields) null(key string) bool { return f.raw[key] == nil || string(f.raw[key]) == "null" }

func (f *fields) quoted(key string) string { return fault.Quote(string(f.raw[key])) }

func (f *fields) int(key string, def, lo, hi int) int {
	if f.err != nil || f.null(key) {
		return def
	}
	n, err := jsonx.NewReader(f.raw[key]).Int()
	if err != nil {
		f.fail(fault.Malformed, key, "%s is not an integer", f.quoted(key))
		return def
	}
	return f.inRange(key, n, lo, hi)
}

func (f *fields) inRange(key string, n int64, lo, hi int) int {
	switch {
	case n < int64(lo):
		f.fail(fault.OutOfRange, key, "is %d", n).WithLimit("%d to %d", lo, hi)
		return lo
	case n > int64(hi):
		f.fail(fault.TooLarge, key, "is %d", n).WithLimit("%d to %d", lo, hi)
		return lo
	}
	return int(n)
}

func (f *fields) float(key string, def, lo, hi float64) float64 {
	if f.err != nil || f.null(key) {
		return def
	}
	v, err := jsonx.NewReader(f.raw[key]).Float()
	if err != nil || math.IsNaN(v) {
		f.fail(fault.Malformed, key, "%s is not a number", f.quoted(key))
		return def
	}
	if v < lo || v > hi {
		f.fail(fault.OutOfRange, key, "is %v", v).WithLimit("%v to %v", lo, hi)
		return def
	}
	return v
}

func (f *fields) bool(key string, def bool) bool {
	if f.err != nil || f.null(key) {
		return def
	}
	v, err := jsonx.NewReader(f.raw[key]).Bool()
	if err != nil {
		f.fail(fault.Malformed, key, "%s is neither true nor false", f.quoted(key))
	}
	return v
}

func (f *fields) string(key, def string) string {
	if f.err != nil || f.null(key) {
		return def
	}
	v, err := jsonx.NewReader(f.raw[key]).String()
	if err != nil {
		f.fail(fault.Malformed, key, "%s is not a string", f.quoted(key))
	}
	return v
}

func (f *fields) strings(key string) []string {
	if f.err != nil || f.null(key) {
		return nil
	}
	var out []string
	r := jsonx.NewReader(f.raw[key])
	err := r.Array(func(int) error {
		s, err := r.String()
		out = append(out, s)
		return err
	})
	if err != nil {
		f.fail(fault.Malformed, key, "%s is not a list of strings", f.quoted(key))
	}
	return out
}

// intOrList reads a number, a list of at most limit numbers, or null.
func (f *fields) intOrList(key string, limit int) []int {
	if f.err != nil || f.null(key) {
		return nil
	}
	r := jsonx.NewReader(f.raw[key])
	if r.Peek() != '[' {
		return []int{f.int(key, 0, math.MinInt32, math.MaxInt32)}
	}
	var out []int
	err := r.Array(func(i int) error {
		if i == limit {
			f.fail(fault.TooLarge, key, "lists more than %d numbers", limit)
			return f.err
		}
		n, err := r.Int()
		out = append(out, f.inRange(key, n, math.MinInt32, math.MaxInt32))
		return err
	})
	if err != nil {
		f.fail(fault.Malformed, key, "%s is neither an integer nor a list of integers", f.quoted(key))
	}
	return out
}

// object returns a nested object and whether it exists.
func (f *fields) object(key string) (*fields, bool) {
	if f.err != nil || f.null(key) {
		return nil, false
	}
	inner := &fields{where: f.where, prefix: f.prefix + key + ".", raw: map[string]json.RawMessage{}}
	if err := inner.read(jsonx.NewReader(f.raw[key])); err != nil {
		if fault.KindOf(err) != "" {
			f.err = err
			return nil, false
		}
		f.fail(fault.Malformed, key, "%s is not an object", f.quoted(key))
		return nil, false
	}
	return inner, true
}

// inheritError takes over the error of a nested object.
func (f *fields) inheritError(inner *fields) {
	if f.err == nil {
		f.err = inner.err
	}
}

// requireOneOf rejects strings that are not in allowed.
func (f *fields) requireOneOf(key, def string, allowed ...string) {
	if v := f.string(key, def); f.err == nil && !slices.Contains(allowed, v) {
		f.fail(fault.Unsupported, key, "is %s", fault.Quote(v)).WithRemedy("use a model where it is %q", allowed[0])
	}
}

func (f *fields) requireFalse(key string) {
	if f.bool(key, false) && f.err == nil {
		f.fail(fault.Unsupported, key, "is true").WithRemedy("use a model where it is false")
	}
}

func (f *fields) requireNull(key string) {
	if f.err == nil && !f.null(key) {
		f.fail(fault.Unsupported, key, "is %s", f.quoted(key)).WithRemedy("use a model where it is null")
	}
}

// isOff reports whether a value enables nothing: absent, null, false, "", [] or {}.
func (f *fields) isOff(key string) bool {
	switch v := string(f.raw[key]); v {
	case "", "null", "false", `""`, "[]", "{}":
		return true
	}
	r := jsonx.NewReader(f.raw[key])
	switch r.Peek() {
	case '[':
		empty := true
		_ = r.Array(func(int) error { empty = false; return r.Skip() })
		return empty
	case '{':
		empty := true
		_ = r.Object(func(string) error { empty = false; return r.Skip() })
		return empty
	}
	return false
}
