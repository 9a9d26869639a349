package tokenizer

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

var update = flag.Bool("update", false, "write testdata/attacks anew")

const vocabAB = `"vocab":{"a":0,"b":1,"ab":2}`

// piped is a tokenizer.json with another pipeline.
func piped(normalizer, pre, decoder string) string {
	return `{"normalizer":` + normalizer + `,"pre_tokenizer":` + pre + `,"decoder":` + decoder +
		`,"model":{"type":"BPE",` + vocabAB + `,"merges":["a b"]}}`
}

const levelled = `{"type":"ByteLevel","add_prefix_space":false}`

func splitBy(pattern string) string {
	return piped("null", `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"`+pattern+
		`"},"behavior":"Isolated"},`+levelled+`]}`, levelled)
}

const meta = `{"type":"Metaspace","replacement":"▁"}`

// fallback is the tokenizer.json of a vocabulary with byte fallback.
func fallback(normalizer, pre, decoder string) string {
	var b strings.Builder
	for i := range 256 {
		fmt.Fprintf(&b, `,"<0x%02X>":%d`, i, i+3)
	}
	return `{"normalizer":` + normalizer + `,"pre_tokenizer":` + pre + `,"decoder":` + decoder +
		`,"model":{"type":"BPE","byte_fallback":true,"fuse_unk":true,` + strings.TrimSuffix(vocabAB, "}") + b.String() +
		`},"merges":["a b"]}}`
}

// attacks are hostile or damaged tokenizer files and the faults that they must give; see
// core/weights.
var attacks = []struct {
	name, content string
	kind          fault.Kind
	message       string // part of it
}{
	{"empty", "", fault.Malformed, "an object expected"},
	{"cut", `{"model":{"vocab":{"a":0`, fault.Malformed, "end of the text"},
	{"deep", `{"x":` + strings.Repeat("[", 3000), fault.Malformed, "nested deeper"},
	{"two-models", `{"model":{},"model":{}}`, fault.Malformed, `"model": appears twice`},
	{"no-model", `{}`, fault.Missing, "model.vocab"},
	{"no-merges", `{"model":{"vocab":{"a":0}}}`, fault.Missing, "model.merges: is missing"},
	{"unigram", `{"model":{"type":"Unigram"}}`, fault.Unsupported, `model.type: is "Unigram"`},
	{"byte-fallback", string(tiny(vocabAB+`,"byte_fallback":true`, ``, ``)), fault.Unsupported,
		"model.byte_fallback: is true, but the vocabulary has no byte 0x00"},
	{"fuse-unknown", string(tiny(vocabAB+`,"fuse_unk":true`, ``, ``)), fault.Unsupported,
		"model.fuse_unk: is true without byte_fallback"},
	{"spm-normalizer", fallback(`{"type":"Prepend","prepend":"_"}`, `null`, `null`), fault.Unsupported,
		`normalizer: is "Prepend"`},
	{"spm-replace", fallback(`{"type":"Replace","pattern":{"Regex":" "},"content":"▁"}`, `null`, `null`),
		fault.Unsupported, `normalizer: is "Replace"`},
	{"spm-pre", fallback(`null`, levelled, `null`), fault.Unsupported, "no byte 0x00"},
	{"spm-no-bytes", strings.Replace(fallback(`null`,
		`null`, `null`), `"<0x00>"`, `"<0xx0>"`, 1), fault.Missing, "no token <0x00>, which byte_fallback needs"},
	{"spm-mark", fallback(`null`, `{"type":"Metaspace","replacement":"_"}`, `null`), fault.Unsupported,
		`the step "Metaspace"`},
	{"spm-twice", fallback(`null`, `{"type":"Sequence","pretokenizers":[`+meta+`,`+meta+`]}`, `null`),
		fault.Unsupported, `the step "Metaspace"`},
	{"spm-scheme", fallback(`null`, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"often"}`, `null`),
		fault.Unsupported, `the prepend_scheme "often"`},
	{"spm-decoder", fallback(`null`, `null`, levelled), fault.Unsupported, `decoder: is "ByteLevel"`},
	{"spm-decoder-null", fallback(`null`, `null`, `null`), fault.Unsupported, `decoder: is null`},
	{"spm-strip", fallback(`null`, `null`, `{"type":"Strip","content":" ","start":2,"stop":0}`), fault.Unsupported,
		`decoder: is "Strip"`},
	{"dropout", string(tiny(vocabAB+`,"dropout":0.1`, ``, ``)), fault.Unsupported, "model.dropout: is 0.1"},
	{"suffix", string(tiny(vocabAB+`,"end_of_word_suffix":"</w>"`, ``, ``)), fault.Unsupported,
		"model.end_of_word_suffix"},
	{"no-unknown", string(tiny(vocabAB+`,"unk_token":"<unk>"`, ``, ``)), fault.Missing, "model.unk_token"},
	{"merge-of-unknown", string(tiny(vocabAB, `"a c"`, ``)), fault.Mismatch,
		`model.merges[0]: joins "c", which is not in the vocabulary`},
	{"merge-to-unknown", string(tiny(vocabAB, `"a b","b a"`, ``)), fault.Mismatch, `model.merges[1]: makes "ba"`},
	{"merge-of-one", string(tiny(vocabAB, `"ab"`, ``)), fault.Malformed, "model.merges[0]: is not two tokens"},
	{"merge-of-three", string(tiny(vocabAB, `["a","b","a"]`, ``)), fault.Malformed, "is not two tokens"},
	{"merge-of-spaces", string(tiny(vocabAB, `"a b c"`, ``)), fault.Malformed, "is not two tokens"},
	{"merge-number", string(tiny(vocabAB, `1`, ``)), fault.Malformed, "a string expected"},
	{"id-twice", string(tiny(`"vocab":{"a":0,"b":0}`, ``, ``)), fault.Malformed, `gives the id 0 to both "a" and "b"`},
	{"token-twice", string(tiny(`"vocab":{"a":0,"a":1}`, ``, ``)), fault.Malformed, `model.vocab "a": appears twice`},
	{"id-far", string(tiny(`"vocab":{"a":999999}`, ``, ``)), fault.TooLarge, "limit 100000 ids without a token"},
	{"id-absurd", string(tiny(`"vocab":{"a":2147483648}`, ``, ``)), fault.OutOfRange, "has the id 2147483648"},
	{"id-negative", string(tiny(`"vocab":{"a":-1}`, ``, ``)), fault.OutOfRange, "has the id -1"},
	{"id-fraction", string(tiny(`"vocab":{"a":0.5}`, ``, ``)), fault.Malformed, "an integer expected"},
	{"token-empty", string(tiny(`"vocab":{"":0}`, ``, ``)), fault.Malformed, "is empty"},
	{"token-long", string(tiny(`"vocab":{"`+strings.Repeat("a", 5000)+`":0}`, ``, ``)), fault.TooLarge,
		"limit 4096 bytes"},
	{"added-elsewhere", string(tiny(vocabAB, ``, `{"id":3,"content":"a"}`)), fault.Mismatch,
		"has the id 3, but the token has 0"},
	{"added-over", string(tiny(vocabAB, ``, `{"id":0,"content":"<s>"}`)), fault.Malformed, `has the id 0 of "a"`},
	{"added-empty", string(tiny(vocabAB, ``, `{"id":3,"content":""}`)), fault.Malformed, "is empty"},
	{"added-nothing", string(tiny(vocabAB, ``, `{"id":3}`)), fault.Malformed, "added_tokens[0]: is not an added token"},
	{"normalizer", piped(`{"type":"Lowercase"}`, levelled, levelled), fault.Unsupported, `normalizer: is "Lowercase"`},
	{"normalizer-nameless", piped(`{}`, levelled, levelled), fault.Malformed, "not a pipeline step"},
	{"pre-null", piped("null", "null", levelled), fault.Unsupported, "pre_tokenizer: is null"},
	{"pre-metaspace", piped("null", `{"type":"Metaspace"}`, levelled), fault.Unsupported, `the step "Metaspace"`},
	{"pre-no-bytes", piped("null", `{"type":"Digits","individual_digits":true}`, levelled), fault.Unsupported,
		"has no ByteLevel"},
	{"pre-after-bytes", piped("null", `{"type":"Sequence","pretokenizers":[`+levelled+`,`+levelled+`]}`, levelled),
		fault.Unsupported, "after ByteLevel"},
	{"pre-nested", piped("null", strings.Repeat(`{"type":"Sequence","pretokenizers":[`, 4)+levelled+strings.Repeat(`]}`,
		4), levelled), fault.TooLarge, "too many steps"},
	{"pre-wide", piped("null", `{"type":"Sequence","pretokenizers":[`+strings.Repeat(`{"type":"Digits"},`, 20)+levelled+
		`]}`, levelled), fault.TooLarge, "too many steps"},
	{"prefix-unsaid", piped("null", `{"type":"ByteLevel"}`, levelled), fault.Missing, "add_prefix_space"},
	{"decoder", piped("null", levelled, `{"type":"WordPiece"}`), fault.Unsupported, `decoder: is "WordPiece"`},
	{"decoder-null", piped("null", levelled, `null`), fault.Unsupported, "decoder: is null"},
	{"regex-broken", splitBy(`(`), fault.Unsupported, `the pattern "(": a ")" is missing`},
	{"regex-quadratic", splitBy(`a*b|a`), fault.Unsupported, "takes quadratic time"},
	{"regex-large", splitBy(`((a{999}){999}){999}`), fault.Unsupported, "too large after expansion of its repetitions"},
	{"regex-look-behind", splitBy(`(?<=a)b`), fault.Unsupported, "groups that begin with (?<="},
	{"regex-long", splitBy(strings.Repeat("a", 5000)), fault.TooLarge, "pattern of 5000 bytes"},
	{"behavior", strings.Replace(splitBy(`a`), "Isolated", "Shuffled", 1), fault.Unsupported, `behavior "Shuffled"`},
}

func TestAttacks(t *testing.T) {
	if *update {
		require.NoError(t, os.RemoveAll("testdata/attacks"))
		require.NoError(t, os.MkdirAll("testdata/attacks", 0o755))
		for _, a := range attacks {
			require.NoError(t, os.WriteFile("testdata/attacks/"+a.name+".tokenizer.json", []byte(a.content), 0o644))
		}
	}
	store := blob.FromFS(os.DirFS("testdata"))
	files, err := store.List(t.Context(), "attacks/")
	require.NoError(t, err)
	require.Len(t, files, len(attacks))
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			name := "attacks/" + a.name + ".tokenizer.json"
			content, err := blob.ReadAll(t.Context(), store, name, 1e6)
			require.NoError(t, err)
			require.Equal(t, a.content, string(content))
			_, err = Load(t.Context(), store, name)
			require.ErrorContains(t, err, a.message)
			require.Equal(t, a.kind, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, name)
			require.Less(t, len(err.Error()), 500)
		})
	}
}

// FuzzParse checks that any bytes give a typed fault, or a tokenizer with the documented
// properties.
func FuzzParse(f *testing.F) {
	for _, a := range attacks {
		f.Add([]byte(a.content), "ab ba")
	}
	f.Add(tiny(vocabAB, `"a b"`, `{"id":3,"content":"<s>","special":true,"lstrip":true,"rstrip":true}`), "ab <s> ba")
	f.Add([]byte(fallback(`{"type":"Prepend","prepend":"▁"}`, `null`, `{"type":"Fuse"}`)), "ab ba")
	f.Add([]byte(fallback(`null`, meta, `{"type":"Fuse"}`)), "ab ba")
	f.Add([]byte(piped(`{"type":"NFC"}`, levelled, levelled)), "a\u0301b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Parse("t", data)
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err), "%v", err)
			return
		}
		for _, id := range tok.Encode(text) {
			require.NotEmpty(t, tok.Token(id))
			require.True(t, !tok.IsSpecial(id) || len(tok.Token(id)) <= 2 || id == tok.bpe.unknown)
		}
		for _, id := range tok.EncodeWithSpecials(text) {
			require.NotEmpty(t, tok.Token(id))
		}
		for id := range tok.VocabSize() {
			got, ok := tok.ID(tok.Token(int32(id)))
			require.True(t, ok)
			require.EqualValues(t, id, got)
		}
	})
}

// FuzzRoundTrip checks that any bytes survive encoding and decoding.
func FuzzRoundTrip(f *testing.F) {
	f.Add("it's 12\xff\n 漢字")
	var toks []*Tokenizer
	for _, name := range exact {
		toks = append(toks, golden(f, name))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, tok := range toks {
			require.Equal(t, s, tok.Decode(tok.Encode(s)))
		}
	})
}
