package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"nextquill/core/regex"
)

// exact are the golden tokenizers that encode without changing the text.
var exact = []string{"gpt2", "llama3"}

// mixed returns random text of every kind, including invalid bytes.
func mixed(rng *rand.Rand, n int) string {
	units := []string{"a", "Word", " the", "é", "漢字", "١٢", "7", "2024", " ", "    ", "\n", "\r\n", "\t", "'s", "'LL",
		"'ſ", "!?", "-", "😀", "👩‍👩‍👧",
		"\u00a0", "\u0301", "e\u0301", "\ufffd", "\xff", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xed\xa0\x80", "\x00",
		"<|endoftext|>", "<|im_start|>",
		"مرحبا", "한국", "def f(x):\n\treturn x", "\u2028", "\u0085"}
	var b strings.Builder
	for range n {
		b.WriteString(units[rng.IntN(len(units))])
	}
	return b.String()
}

func TestDecodeInvertsEncode(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range exact {
		tok := golden(t, name)
		require.Empty(t, tok.MissingBytes())
		for range 300 {
			s := mixed(rng, rng.IntN(40))
			require.Equal(t, s, tok.Decode(tok.Encode(s)))
			require.Equal(t, s, tok.Decode(tok.EncodeWithSpecials(s)))
		}
		all := make([]byte, 0, 1<<16)
		for a := range 256 {
			for b := range 256 {
				all = append(all, byte(a), byte(b))
			}
		}
		require.Equal(t, string(all), tok.Decode(tok.Encode(string(all))))
	}
	tok := golden(t, "qwen")
	for range 300 {
		s := mixed(rng, rng.IntN(40))
		require.Equal(t, norm.NFC.String(s), tok.Decode(tok.Encode(s)))
	}
}

func TestEncodeMakesNoSpecialToken(t *testing.T) {
	for _, name := range goldenNames {
		tok := golden(t, name)
		for _, a := range tok.Added() {
			got := tok.Encode("x " + a.Content + " y")
			require.NotContains(t, got, a.ID, "%s %s", name, a.Content)
			require.Contains(t, tok.EncodeWithSpecials("x "+a.Content+" y"), a.ID, "%s %s", name, a.Content)
		}
		require.True(t, tok.IsSpecial(0))
		require.False(t, tok.IsSpecial(5))
	}
	// The same holds if the vocabulary contains the special token's spelling and ignore_merges
	// would find it.
	tok, err := Parse("t", tiny(`"ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2,"ba":3}`, `"a b","b a"`,
		`{"id":2,"content":"ab","special":true}`))
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, tok.Encode("ab"))
	require.Equal(t, []int32{2}, tok.EncodeWithSpecials("ab"))
	require.Equal(t, []int32{3}, tok.Encode("ba"))
}

// tiny returns a tokenizer.json with the given model members, without ByteLevel's pattern.
func tiny(model, merges, added string) []byte {
	return []byte(`{"added_tokens":[` + added +
		`],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":false},` +
		`"decoder":{"type":"ByteLevel"},"model":{"type":"BPE",` + model + `,"merges":[` + merges + `]}}`)
}

func TestUnknownBytes(t *testing.T) {
	tok, err := Parse("t", tiny(`"vocab":{"a":0,"b":1,"?":2}`, ``, ``))
	require.NoError(t, err)
	require.Len(t, tok.MissingBytes(), 253)
	require.Equal(t, []int32{0, 1}, tok.Encode("axb"))
	require.Empty(t, tok.Encode("xyz"))
	tok, err = Parse("t", tiny(`"unk_token":"?","vocab":{"a":0,"b":1,"?":2}`, ``, ``))
	require.NoError(t, err)
	require.Equal(t, []int32{0, 2, 1}, tok.Encode("axb"))
}

func TestLookups(t *testing.T) {
	tok := golden(t, "gpt2")
	id, ok := tok.ID("<|im_end|>")
	require.True(t, ok)
	require.EqualValues(t, tok.VocabSize()-1, id)
	require.Equal(t, "<|im_end|>", tok.Token(id))
	require.Equal(t, "<|im_end|>", tok.Decode([]int32{id}))
	id, ok = tok.ID("Ġthe")
	require.True(t, ok)
	require.Equal(t, " the", tok.Decode([]int32{id}))
	_, ok = tok.ID("no such token")
	require.False(t, ok)
	for _, id := range []int32{-1, int32(tok.VocabSize()), 1 << 30} {
		require.Empty(t, tok.Token(id))
		require.Empty(t, tok.Decode([]int32{id}))
		require.False(t, tok.IsSpecial(id))
	}
}

func TestStreamHoldsBackIncompleteCharacters(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tok := golden(t, "gpt2")
	for range 200 {
		s := mixed(rng, 20)
		ids := tok.Encode(s)
		stream := tok.Stream()
		var out strings.Builder
		for _, id := range ids {
			part := stream.Push(id)
			if utf8.ValidString(s) {
				require.True(t, utf8.ValidString(part))
			}
			require.LessOrEqual(t, len(stream.pending), 3)
			out.WriteString(part)
		}
		out.WriteString(stream.Flush())
		require.Equal(t, s, out.String())
		require.Empty(t, stream.Flush())
	}
	stream := tok.Stream()
	ids := tok.Encode("漢")
	require.Len(t, ids, 3)
	require.Equal(t, []string{"", "", "漢"}, []string{stream.Push(ids[0]), stream.Push(ids[1]), stream.Push(ids[2])})
	require.Empty(t, stream.Push(ids[0]))
	require.Equal(t, "\xe6", stream.Flush())
}

func pieces(f finder, s string) (out []string) {
	f.find(s, func(from, to int) { out = append(out, s[from:to]) })
	return out
}

// backtracking is a finder with another engine.
type backtracking struct{ *regexp2.Regexp }

func (b backtracking) find(s string, match func(from, to int)) {
	starts := make([]int, 0, len(s)+1) // by rune
	for i := range s {
		starts = append(starts, i)
	}
	starts = append(starts, len(s))
	m, _ := b.FindRunesMatch([]rune(s))
	for ; m != nil; m, _ = b.FindNextMatch(m) {
		match(starts[m.Index], starts[m.Index+m.Length])
	}
}

func requireSamePieces(t *testing.T, expr, s string) {
	t.Helper()
	// The scanners and the reference's engine treat the long s (ſ) as an s under (?i); regexp2 does
	// not.
	re := regexp2.MustCompile(strings.ReplaceAll(expr, "(?i:'s|", "(?i:'s|'ſ|"), regexp2.None)
	require.Equal(t, pieces(backtracking{re}, s), pieces(scanners[expr], s), "%q", s)
	own, err := regex.Compile(expr)
	require.NoError(t, err)
	require.Equal(t, pieces(scanners[expr], s), pieces(pattern{own}, s), "%q", s)
}

func TestScannersMatchTheirPatterns(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for expr := range scanners {
		for range 2000 {
			requireSamePieces(t, expr, mixed(rng, rng.IntN(12)))
		}
	}
}

func FuzzScanners(f *testing.F) {
	f.Add("it's 12 'LL\r\n  x\n \t'ſ\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for expr := range scanners {
			requireSamePieces(t, expr, s)
		}
	})
}

// A long text is matched as a whole. The pieces equal those of its parts if the parts meet at a
// position where the pattern always splits.
func TestUnknownPatternOnLongText(t *testing.T) {
	re, err := regex.Compile(`\p{Lu}?\p{Ll}+|\p{Lu}+|\p{N}{1,2}|\s+(?!\S)|\s+|[^\s\p{L}\p{N}]+`)
	require.NoError(t, err)
	p := pattern{re}
	rng := rand.New(rand.NewPCG(13, 14))
	var whole strings.Builder
	var want, got []string
	for whole.Len() < 1<<20 {
		part := "x" + mixed(rng, 50) + "y\n"
		whole.WriteString(part)
		want = append(want, pieces(p, part)...)
	}
	s := whole.String()
	require.NoError(t, re.All(s, func(from, to int) { got = append(got, s[from:to]) }))
	require.Equal(t, want, got)
}

// referenceBPE is byte-pair encoding by its definition.
func referenceBPE(m *bpe, word string) []int32 {
	var ids []int32
	for i := range len(word) {
		ids = append(ids, m.byteID[word[i]])
	}
	for {
		best, at := mergeRule{rank: 1 << 31}, -1
		for i := range len(ids) - 1 {
			if to, ok := m.merges[pairKey(ids[i], ids[i+1])]; ok && to.rank < best.rank {
				best, at = to, i
			}
		}
		if at < 0 {
			return ids
		}
		ids = append(ids[:at], append([]int32{best.id}, ids[at+2:]...)...)
	}
}

func TestMergeMatchesDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	tok := golden(t, "gpt2")
	for range 300 {
		n := 1 + rng.IntN(80)
		word := strings.Repeat("thatofandinthehere"[rng.IntN(9):], n/9+1)[:n]
		require.Equal(t, referenceBPE(&tok.bpe, word), tok.bpe.merge(nil, word), word)
	}
}

// These inputs would show quadratic time in merging, splitting or normalising.
func TestTimeIsNearlyLinear(t *testing.T) {
	const n = 1 << 20
	units := map[string]string{"one word": "a", "the": "the", "spaces": " ", "newlines": "\n", "space newline": " \n",
		"digits": "1", "marks": "\u0301",
		"two marks": "\u0301\u0323", "broken": "\xff", "quotes": "'", "hangul": "\u1100", "specials": "<|im_start",
		"open": "<", "words": "some words, "}
	for _, name := range []string{"gpt2", "qwen", "other"} {
		tok := golden(t, name)
		for what, unit := range units {
			s := strings.Repeat(unit, n/len(unit))
			if name == "other" {
				s = s[:n/4] // patterns without scanners read it several times
			}
			start := time.Now()
			ids := tok.EncodeWithSpecials(s)
			took := time.Since(start)
			require.Less(t, took, 20*time.Second, "%s %s", name,
				what) // seconds even on a loaded machine; quadratic time would be hours
			t.Logf("%-6s %-14s %8d tokens %v", name, what, len(ids), took.Round(time.Millisecond))
			if name == "gpt2" {
				require.True(t, tok.Decode(ids) == s)
			}
		}
	}
}

func TestWordsOverTheLimitStillRoundTrip(t *testing.T) {
	tok := golden(t, "gpt2")
	s := strings.Repeat("ab", maxWord/2+100)
	require.True(t, tok.Decode(tok.Encode(s)) == s)
}

func TestWordCacheIsBounded(t *testing.T) {
	tok := golden(t, "gpt2")
	first := tok.Encode("hello there")
	var b strings.Builder
	rng := rand.New(rand.NewPCG(9, 10))
	for range 3 * maxCachedWords {
		b.WriteByte(' ')
		for range 8 {
			b.WriteByte(byte('a' + rng.IntN(26)))
		}
	}
	tok.Encode(b.String())
	require.LessOrEqual(t, len(tok.bpe.cache.words), maxCachedWords)
	require.Equal(t, first, tok.Encode("hello there"))
	first[0] = -5
	require.NotEqual(t, first, tok.Encode("hello there"), "the cache does not alias results")
}

// applyStandard runs only for long runs of marks. On other text it must agree with norm.Form.
func TestSlowNormalizerAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var alphabet []rune
	for c := range rune(0x3200) {
		if utf8.ValidRune(c) && (!norm.NFKD.IsNormalString(string(c)) || norm.NFD.PropertiesString(string(c)).
			CCC() != 0 || c < 0x80) {
			alphabet = append(alphabet, c)
		}
	}
	for c := rune(0x1100); c < 0x1200; c++ {
		alphabet = append(alphabet, c, 0xac00+c)
	}
	for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
		n := normalForm{form}
		for range 4000 {
			var s string
			for range 1 + rng.IntN(8) {
				s += string(alphabet[rng.IntN(len(alphabet))])
			}
			s += "\xff"
			require.Equal(t, form.String(s), n.applyStandard(s), "%+q", s)
			require.Equal(t, form.String(s), n.apply(s), "%+q", s)
		}
	}
	long := "a" + strings.Repeat("\u0301\u0323", 40)
	require.Equal(t, "\u1ea1"+strings.Repeat("\u0323", 39)+strings.Repeat("\u0301", 40),
		normalForm{norm.NFC}.apply(long))
}
