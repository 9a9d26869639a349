package jsonx

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// tree builds the same values as encoding/json, for comparison.
func tree(r *Reader) (any, error) {
	switch c := r.Peek(); {
	case c == '{':
		m := map[string]any{}
		err := r.Object(func(k string) (err error) { m[k], err = tree(r); return err })
		return m, err
	case c == '[':
		a := []any{}
		err := r.Array(func(int) error {
			v, err := tree(r)
			a = append(a, v)
			return err
		})
		return a, err
	case c == '"':
		return r.String()
	case c == 't' || c == 'f':
		return r.Bool()
	case c == 'n' && r.Null():
		return nil, nil
	}
	return r.Float()
}

func parse(b []byte) (any, error) {
	r := NewReader(b)
	v, err := tree(r)
	if err == nil {
		err = r.End()
	}
	return v, err
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range []string{`{}`, `[]`,
		` { "a" : [ 1 , -2.5e3 , true , false , null , "x\ny\u00e9\ud83d\ude00/\/" ] , "b" : {} } `,
		`"é😀"`, `0`, `-0`, `1E+2`, `""`, `"\"\\\b\f\n\r\t"`, `[[[[1]]]]`} {
		got, err := parse([]byte(s))
		require.NoError(t, err, s)
		var want any
		require.NoError(t, json.Unmarshal([]byte(s), &want))
		require.Equal(t, want, got, s)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for in, want := range map[string]string{
		``:                           "byte 0: a number expected, found the end of the text",
		`{"a" 1}`:                    "byte 5: a colon expected, found '1'",
		`{a:1}`:                      "byte 1: a key expected, found 'a'",
		`[1 2]`:                      `byte 3: a comma or ']' expected, found '2'`,
		`[1,]`:                       "byte 3: a number expected, found ']'",
		`01`:                         "byte 0: a number with a leading zero",
		`1.`:                         "byte 0: a number without digits after its decimal point",
		`1e`:                         "byte 0: a number without digits in its exponent",
		`1e999`:                      "byte 0: the number is out of range",
		`"abc`:                       "byte 1: an unterminated string",
		`"a\n`:                       "byte 1: an unterminated string",
		"\"a\nb\"":                   "byte 2: a control character inside a string",
		`"\x"`:                       "byte 1: an unknown escape",
		`"\ud83d"`:                   "byte 1: an unpaired surrogate",
		`"\ud83d\u0041"`:             "byte 1: an unpaired surrogate",
		"\"ab\xffc\"":                "byte 3: invalid UTF-8 (byte 0xff)",
		`nul`:                        "byte 0: a number expected, found 'n'",
		`tru`:                        "byte 0: true or false expected, found 't'",
		`1 2`:                        "byte 2: the end of the text expected, found '2'",
		strings.Repeat("[", 65):      "byte 65: nested deeper than 64",
		strings.Repeat("[", 1000000): "byte 65: nested deeper than 64",
	} {
		_, err := parse([]byte(in))
		require.EqualError(t, err, want, "%.40q", in)
		require.GreaterOrEqual(t, Offset(err), 0)
	}
	_, err := NewReader([]byte("1.5")).Int()
	require.EqualError(t, err, "byte 0: an integer expected, found 1.5")
	_, err = NewReader([]byte("9223372036854775808")).Int()
	require.EqualError(t, err, "byte 0: the integer does not fit in 64 bits")
}

func TestRawAndOrder(t *testing.T) {
	r := NewReader([]byte(`{"z": {"q":[1]} ,"a":2,"z":3}`))
	var keys, raws []string
	require.NoError(t, r.Object(func(k string) error {
		keys = append(keys, k)
		b, err := r.Raw()
		raws = append(raws, string(b))
		return err
	}))
	require.Equal(t, []string{"z", "a", "z"}, keys)
	require.Equal(t, []string{`{"q":[1]}`, "2", "3"}, raws)
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,"\u00e9",null,true]}`, `"\ud83d\ude00"`, `-1.5e-3`, `[[]`, `{"a":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parse(b)
		var want any
		jerr := json.Unmarshal(b, &want)
		if err == nil {
			require.NoError(t, jerr)
			require.Equal(t, want, got)
		} else if jerr == nil {
			// jsonx is stricter only about Unicode, infinities and depth.
			s := string(b)
			require.True(t, !utf8.Valid(b) || strings.Contains(s, `\u`) || strings.ContainsAny(s, "eE") ||
				strings.Count(s, "[")+
					strings.Count(s, "{") > MaxDepth || len(b) > 300, "%v", err)
		}
	})
}
