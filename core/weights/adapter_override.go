package weights

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// Override is an entry of rank_pattern or alpha_pattern. The first entry whose pattern matches a
// module sets its value.
type Override struct {
	// Pattern is a module's path or the end of one, as the subset of regular expressions that such
	// entries use: "." is any character, "\." is a dot, and a leading "^" anchors the pattern at
	// the start of the path.
	Pattern string
	Value   float64
}

// maxOverrides is far above the number of modules of any model.
const maxOverrides = maxLayers * 16

// matches follows PEFT's get_pattern_key: re.match(rf"(.*\.)?({pattern})$", path).
func (o Override) matches(path string) bool {
	pattern, whole := strings.CutPrefix(o.Pattern, "^")
	n := len(pattern) - strings.Count(pattern, `\`)
	at := len(path) - n
	if at < 0 || whole && at > 0 || at > 0 && path[at-1] != '.' {
		return false
	}
	for i := 0; i < len(pattern); i++ {
		want := pattern[i]
		if want == '\\' {
			i++
			want = pattern[i]
		} else if want == '.' {
			want = path[at]
		}
		if path[at] != want {
			return false
		}
		at++
	}
	return true
}

func override(list []Override, path string, value float64) float64 {
	for _, o := range list {
		if o.matches(path) {
			return o.Value
		}
	}
	return value
}

// overrides reads a per-module pattern object. Regular expression syntax that Override does not
// support is rejected.
func (f *fields) overrides(key string, value func(r *jsonx.Reader) (float64, error)) []Override {
	if f.err != nil || f.isOff(key) {
		return nil
	}
	var list []Override
	r := jsonx.NewReader(f.raw[key])
	err := r.Object(func(pattern string) error {
		v, err := value(r)
		if err != nil {
			return err
		}
		bare := strings.ReplaceAll(strings.TrimPrefix(pattern, "^"), `\.`, ".")
		if i := strings.IndexFunc(bare, func(c rune) bool { return !isLiteral(c) }); i >= 0 || bare == "" {
			f.fail(fault.Unsupported, key, "has the pattern %s, in which %s is not supported", fault.Quote(pattern),
				fault.Quote(bare[max(i, 0):])).
				WithRemedy("name each module by its path")
			return f.err
		}
		if slices.ContainsFunc(list, func(o Override) bool { return o.Pattern == pattern }) {
			f.fail(fault.Malformed, key, "names %s twice", fault.Quote(pattern)).WithRemedy("remove one of the two")
			return f.err
		}
		if len(list) == maxOverrides {
			f.fail(fault.TooLarge, key, "has too many entries").WithLimit("%d", maxOverrides)
			return f.err
		}
		list = append(list, Override{pattern, v})
		return nil
	})
	if err != nil {
		f.fail(fault.Malformed, key, "%s is not an object of numbers in range", f.quoted(key)).WithCause(err)
	}
	return list
}

func isLiteral(c rune) bool {
	return c == '.' || c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// overrideJSON keeps the order of the entries, because the first match counts.
func overrideJSON(list []Override) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, o := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(marshal(o.Pattern))
		b.WriteByte(':')
		b.WriteString(strconv.FormatFloat(o.Value, 'g', -1, 64))
	}
	b.WriteByte('}')
	return b.Bytes()
}

// layerIndex returns the block index in a module path.
func layerIndex(path string) (int, bool) {
	rest, ok := strings.CutPrefix(path, "model.layers.")
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, ".")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil
}
