package regex

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/stretchr/testify/require"
)

func all(t testing.TB, re *Regex, s string) (found []string) {
	t.Helper()
	require.NoError(t, re.All(s, func(from, to int) { found = append(found, fmt.Sprintf("%d %q", from, s[from:to])) }))
	return found
}

// peer returns the matches of regexp2. It drops empty matches at the end of another match, as
// Oniguruma and this package do.
func peer(t testing.TB, re *regexp2.Regexp, s string) (found []string) {
	t.Helper()
	var at []int // byte offset of each rune
	for i := range s {
		at = append(at, i)
	}
	at = append(at, len(s))
	last := -1
	m, err := re.FindRunesMatch([]rune(s))
	for ; m != nil; m, err = re.FindNextMatch(m) {
		from, to := at[m.Index], at[m.Index+m.Length]
		if from < to || from != last {
			found = append(found, fmt.Sprintf("%d %q", from, s[from:to]))
		}
		last = to
	}
	require.NoError(t, err)
	return found
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          []string
	}{
		{`a|ab`, "ab", []string{`0 "a"`}},
		{`a*`, "baac", []string{`0 ""`, `1 "aa"`, `4 ""`}},
		{`a+?`, "aa", []string{`0 "a"`, `1 "a"`}},
		{`a{2,3}`, "aaaaaa a", []string{`0 "aaa"`, `3 "aaa"`}},
		{`a{,2}b`, "aaab", []string{`1 "aab"`}},
		{`(?i:K)k`, "\u212akk", []string{"0 \"\u212ak\""}},
		{`a++ab|a`, "aab", []string{`0 "a"`, `1 "a"`}},
		{`[^b]?+b`, "ab bb", []string{`0 "ab"`, `2 " b"`, `4 "b"`}},
		{`^b|b$`, "bb\nbb", []string{`0 "b"`, `1 "b"`, `3 "b"`, `4 "b"`}},
		{`.(?=[!.])`, "a!b.c\n!", []string{`0 "a"`, `2 "b"`}},
		{`[\w-]+`, "ab-c d", []string{`0 "ab-c"`, `5 "d"`}},
		{`[a\-z]+`, "b-az", []string{`1 "-az"`}},
		{`\u00e9|\x{1F600}`, "é😀", []string{`0 "é"`, `2 "😀"`}},
		{`\p{Han}+|\P{L}`, "漢字!", []string{`0 "漢字"`, `6 "!"`}},
		{`[\P{L}b]x|\p{Han}+`, "漢!xbx", []string{`0 "漢"`, `3 "!x"`, `5 "bx"`}},
		{"\ufffd+", "a\xff\xfe\ufffd", []string{`1 "\xff\xfe` + "\ufffd\""}},
		{`(?:(?:a|b)c)+`, "acbcab", []string{`0 "acbc"`}},
	} {
		re, err := Compile(c.pattern)
		require.NoError(t, err, c.pattern)
		require.Equal(t, c.want, all(t, re, c.text), c.pattern)
	}
}

func TestUnsupported(t *testing.T) {
	for pattern, want := range map[string]string{
		`(`: `a ")" is missing`, `)`: `unmatched ")"`, `a)`: `unmatched ")"`, `*`: "has nothing to repeat",
		`a|+`: "has nothing to repeat",
		`[`:   `a "]" is missing`, `[a`: `a "]" is missing`, `[]`: "empty character class",
		`[a\`:   "backslash at the end",
		`\`:     "backslash at the end",
		`[[a]]`: "nested character classes", `[a&&b]`: "nested character classes", `[b-a]`: "a range",
		`[a-\d]`: "a range", `[a-\p{X}]`: `\p{X} is not`,
		`\p{Foo}`: `\p{Foo} is not supported`, `\p`: `a "{" is missing`, `\p{L`: `a "}" is missing`,
		`\b`: `\b is not supported`, `\1`: `\1 is not`,
		`\x{zz}`: "is not a character", `\x{110000}`: "is not a character", `\u12`: "not supported",
		`\u12-4`: "is not a character",
		`a{`:     `a "}" is missing`, `a{}`: "is not a repetition", `a{,}`: "is not a repetition",
		`a{x}`:   "is not a repetition",
		`a{2,1}`: "is not a repetition", `a{1001}`: "is not a repetition",
		`a{2}?`: `"?" after "}"`, `(a*)*`: "can match the empty string", `(a|)+`: "can match the empty string",
		`^*`: "can match the empty string", `(ab)++`: "possessive",
		`(?<=a)`: "(?<=", `(?>a)`: "(?>a", `(?i)a`: "(?i)", `(?=ab)`: "lookahead of more than one",
		`(?!a+)`:                 "lookahead of more than one",
		strings.Repeat("(", 200): "nested deeper", `((a{999}){999}){999}`: "too large",
	} {
		_, err := Compile(pattern)
		require.ErrorContains(t, err, want, pattern)
	}
}

// TestTimeIsBounded runs patterns that make backtracking engines hang, and patterns that make every
// engine read the text repeatedly.
func TestTimeIsBounded(t *testing.T) {
	re, err := Compile(`(?:(?:a+)+)+$`)
	require.NoError(t, err)
	require.Empty(t, all(t, re, strings.Repeat("a", 1<<16)+"!"))
	re, err = Compile(`a*b|a`)
	require.NoError(t, err)
	require.ErrorIs(t, re.All(strings.Repeat("a", 1<<16), func(int, int) {}), ErrTooSlow)
}

// letters are characters at the boundaries of the classes in the patterns below.
var letters = []string{"a", "b", "B", "é", "É", "1", "٣", " ", "\n", "\r", "'", "-", "漢", "\u0301", "\u00a0", "😀",
	"\xff"}

// grow returns a random pattern that both engines interpret in the same way. It avoids \P{L} and
// \S, because regexp2 joins alternatives such as \P{L}|\p{Lu} into one class and drops the second.
func grow(rng *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "B", "é", "'", "-", `\n`, `\s`, `[^\s]`, `\d`, `.`, `[ab]`, `[^a\s]`, `[a-c1]`,
		`[^\r\n\p{L}\p{N}]`, `\p{L}`, `\p{Lu}`, `[^\p{L}]`,
		`[\p{Lu}\p{M}]`, `\p{N}`, `\p{Han}`}
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	if depth == 0 {
		return pick(atoms...)
	}
	switch x := func() string { return grow(rng, depth-1) }; rng.IntN(9) {
	case 0:
		return x() + "|" + x()
	case 1, 2:
		return x() + x()
	case 3:
		return "(" + x() + ")" + pick("?", "{2}", "{0,2}", "{1,3}")
	case 4:
		return pick(atoms...) + pick("?", "*", "+", "*?", "+?", "??")
	case 5:
		return x() + "(?" + pick("!", "=") + pick(atoms...) + ")"
	case 6:
		return "(?i:" + x() + ")"
	case 7:
		return "(?:" + x() + "|" + x() + ")+"
	}
	return pick(atoms...)
}

func compareWithPeer(t *testing.T, seed uint64) (compared bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	pattern := grow(rng, 4)
	re, err := Compile(pattern)
	if err != nil {
		require.ErrorContains(t, err, "can match the empty string", pattern)
		return false
	}
	// The back-reference disables regexp2's first-character optimization, which is wrong for (?i)
	// with \p{Lu}.
	other, err := regexp2.Compile(`()\1(?:`+pattern+`)`, regexp2.None)
	require.NoError(t, err, pattern)
	for range 8 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(letters[rng.IntN(len(letters))])
		}
		require.Equal(t, peer(t, other, b.String()), all(t, re, b.String()), "%s on %q", pattern, b.String())
	}
	return true
}

func TestMatchesBacktrackingEngine(t *testing.T) {
	compared := 0
	for seed := range uint64(6000) {
		if compareWithPeer(t, seed) {
			compared++
		}
	}
	require.Greater(t, compared, 3000)
}

func FuzzAgainstABacktrackingEngine(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compareWithPeer(t, seed) })
}

// FuzzCompile checks that any bytes give an error, or a pattern that finds ordered matches in any
// text.
func FuzzCompile(f *testing.F) {
	f.Add(`[^\r\n\p{L}]?\p{L}+(?i:'s)?|\s+(?!\S)|a{2,3}?|\x{e9}|.++$`, "it's\r\n  x")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		re, err := Compile(pattern)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		last := 0
		_ = re.All(s, func(from, to int) {
			require.True(t, last <= from && from <= to && to <= len(s))
			last = to
		})
	})
}
