package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func day(n int) time.Time { return time.Date(2024, 1, 1+n, 0, 0, 0, 0, time.UTC) }

func TestPlainTemplate(t *testing.T) {
	items := []Item{{Context: []Field{{"word", "sea"}, {"pos", "n."}}, Text: "Salt."}, {Text: "Alone."}}
	s := Plain.Prompt(items, []Field{{"word", "sky"}})
	require.Equal(t, Segments{
		Prefix: "History:\n", History: "word: sea\npos: n.\ntext: Salt.\n\ntext: Alone.\n\n",
		Erased: "None\n\n", Suffix: "Now:\nword: sky\ntext:",
	}, s)
	require.Equal(t, "None\n\n", Plain.Prompt(nil, nil).History)
	require.Equal(t, " Blue.", Plain.Response("Blue."))
	e := s.Encode(byteEncoder{})
	require.Equal(t, s.Prefix+s.History+s.Suffix, text(e.With()))
	require.Equal(t, s.Prefix+s.Erased+s.Suffix, text(e.Without()))
	require.Equal(t, len(e.With()), e.Len())
	got, err := TemplateByName("plain")
	require.NoError(t, err)
	require.Equal(t, Plain, got)
	_, err = TemplateByName("fancy")
	require.ErrorIs(t, err, fault.Unsupported)
}

// byteEncoder has one token per byte.
type byteEncoder struct{}

func (byteEncoder) Encode(s string) (ids []int32) {
	for _, b := range []byte(s) {
		ids = append(ids, int32(b))
	}
	return ids
}

func text(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteByte(byte(id))
	}
	return b.String()
}

// unevenEncoder merges some strings, so a longer text may have fewer tokens.
type unevenEncoder struct{}

func (unevenEncoder) Encode(s string) (ids []int32) {
	for len(s) > 0 {
		n := 1
		if strings.HasPrefix(s, "abcdef") {
			n = 6
		}
		ids = append(ids, int32(n))
		s = s[n:]
	}
	return ids
}

func TestSplit(t *testing.T) {
	items := []Item{
		{ID: "c", Time: day(3)}, {ID: "a", Time: day(1)}, {ID: "b1", Time: day(2)}, {ID: "b2", Time: day(2)},
		{ID: "none"},
	}
	ids := func(items []Item) (out string) {
		for _, it := range items {
			out += it.ID + " "
		}
		return out
	}
	train, held, err := Split(items, 2)
	require.NoError(t, err)
	require.Equal(t, "none a b1 ", ids(train))
	require.Equal(t, "b2 c ", ids(held))
	require.Equal(t, "c", items[0].ID, "the input is unchanged")
	_ = append(train, Item{ID: "x"})
	require.Equal(t, "b2 c ", ids(held))
	train, held, err = SplitFraction(items, 0.01)
	require.NoError(t, err)
	require.Len(t, train, 4)
	require.Len(t, held, 1)
	for _, n := range []int{-1, 0, 5, 6} {
		_, _, err = Split(items, n)
		require.ErrorIs(t, err, fault.OutOfRange)
	}
	_, _, err = Split(items[:1], 1)
	require.ErrorIs(t, err, fault.OutOfRange)
	for _, f := range []float64{0, 1, -1} {
		_, _, err = SplitFraction(items, f)
		require.ErrorIs(t, err, fault.OutOfRange)
	}
	_, _, err = SplitFraction(nil, 0.5)
	require.ErrorIs(t, err, fault.OutOfRange)
}

func TestRetrieversIgnoreTheQueryAndLaterItems(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	vocabulary := []string{"plum", "sea", "salt", "wine", "tree"}
	for range 200 {
		items := make([]Item, 1+rng.IntN(12))
		for i := range items {
			word := vocabulary[rng.IntN(len(vocabulary))] // few words, so that texts and contexts are often equal
			items[i] = Item{Context: []Field{{"about", word}}, Text: "The " + word}
			if rng.IntN(4) > 0 {
				items[i].Time = day(rng.IntN(4))
			}
		}
		for query := range items {
			for _, r := range []Retriever{LatestK{}, &BM25{}} {
				for _, k := range []int{-1, 0, 1, 3, 100} {
					chosen := r.Select(items, query, k)
					require.LessOrEqual(t, len(chosen), max(0, k))
					require.NotContains(t, chosen, query)
					for _, c := range chosen {
						require.False(t, items[c].Time.After(items[query].Time))
						require.True(t, items[c].Time.Before(items[query].Time) || c < query)
					}
					require.Len(t, slices.Compact(slices.Sorted(slices.Values(chosen))), len(chosen))
				}
				// Changing later items does not change the selection.
				want := r.Select(items, query, 3)
				altered := slices.Clone(items)
				for i := range altered {
					if i == query {
						altered[i].Text = "plum sea salt"
					} else if !before(items, i, query) {
						altered[i].Context, altered[i].Text = nil, strings.Repeat("plum wine ", 50)
					}
				}
				require.Equal(t, want, r.Select(altered, query, 3))
			}
		}
	}
}

func TestLatestK(t *testing.T) {
	items := []Item{{Time: day(3)}, {Time: day(1)}, {Time: day(2)}, {Time: day(2)}, {Time: day(9)}}
	require.Equal(t, []int{3, 2, 1}, LatestK{}.Select(items, 0, 10))
	require.Equal(t, []int{3, 2}, LatestK{}.Select(items, 0, 2))
	require.Empty(t, LatestK{}.Select(items, 1, 2))
	all, query := WithQuery(items, []Field{{"a", "b"}})
	require.Equal(t, []int{4, 0}, LatestK{}.Select(all, query, 2))
	require.Len(t, items, 5)
}

func TestBM25(t *testing.T) {
	items := []Item{
		{Text: "Plum wine"}, {Context: []Field{{"x", "plum"}}, Text: "PLUM tree, green!"}, {Text: "red apple"},
		{Text: "ｒｅｄ"}, {Context: []Field{{"q", "Plum green"}}, Text: "red red red"},
	}
	// The formula computed by hand for N = 4 and an average length of 9/4.
	scores := (&BM25{}).scores(items, []int{0, 1, 2, 3}, []string{"plum", "green"})
	require.InDeltaSlice(t, []float64{0.726154, 1.695371, 0.0, 0.0}, scores, 1e-6)
	// Newer items win ties, and full-width letters are normalized.
	require.Equal(t, []int{1, 0, 3, 2}, (&BM25{}).Select(items, 4, 10))
	require.Equal(t, []int{1, 0}, (&BM25{}).Select(items, 4, 2))
	items[4].Context[0].Value = "red"
	require.Equal(t, 3, (&BM25{}).Select(items, 4, 1)[0])
	require.Equal(t, []string{"déjà", "vu", "2x", "漢字", "fi"}, words("Déjà-vu: 2x 漢字 (ﬁ)"))
}

func TestFit(t *testing.T) {
	items := []Item{{Text: "oldest", Time: day(1)}, {Text: "middle", Time: day(2)}, {Text: "newest", Time: day(3)}}
	context := []Field{{"w", "x"}}
	block := len(Plain.Block(items[0]))
	bare := Plain.Prompt(nil, context).Encode(byteEncoder{})
	fixed := len(bare.Prefix) + len(bare.Suffix)
	chosen := []int{1, 2, 0} // best first

	s, kept, err := Plain.Fit(byteEncoder{}, items, chosen, context, fixed+3*block)
	require.NoError(t, err)
	require.Equal(t, Plain.Prompt(items, context), s, "oldest first")
	require.Equal(t, []int{0, 1, 2}, kept)
	s, kept, err = Plain.Fit(byteEncoder{}, items, chosen, context, fixed+3*block-1)
	require.NoError(t, err)
	require.Equal(t, Plain.Prompt(items[1:], context), s, "the worst item is dropped")
	require.Equal(t, []int{1, 2}, kept)
	s, kept, err = Plain.Fit(byteEncoder{}, items, chosen, context, fixed+block)
	require.NoError(t, err)
	require.Equal(t, Plain.Prompt(items[1:2], context), s)
	require.Equal(t, []int{1}, kept)
	s, kept, err = Plain.Fit(byteEncoder{}, items, chosen, context, fixed+block-2)
	require.NoError(t, err)
	require.Equal(t, "text: midd\n\n", s.History)
	require.Equal(t, []int{1}, kept)
	s, kept, err = Plain.Fit(byteEncoder{}, items, chosen, context, bare.Len())
	require.NoError(t, err)
	require.Equal(t, Plain.Erased, s.History)
	require.Empty(t, kept)
	s, kept, err = Plain.Fit(byteEncoder{}, items, nil, context, 1000)
	require.NoError(t, err)
	require.Equal(t, Plain.Erased, s.History)
	require.Empty(t, kept)
	_, _, err = Plain.Fit(byteEncoder{}, items, chosen, context, bare.Len()-1)
	require.ErrorIs(t, err, fault.TooLarge)
}

func TestFitAlwaysFits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		items := make([]Item, 1+rng.IntN(6))
		for i := range items {
			word := []string{"abcdef", "漢é", "x"}[rng.IntN(3)]
			items[i] = Item{
				Context: []Field{{"n", fmt.Sprint(i)}}, Text: strings.Repeat(word, 1+rng.IntN(40)), Time: day(i),
			}
		}
		all, query := WithQuery(items, []Field{{"n", "q"}})
		chosen := LatestK{}.Select(all, query, 10)
		limit := rng.IntN(400)
		for _, e := range []Encoder{byteEncoder{}, unevenEncoder{}} {
			s, _, err := Plain.Fit(e, all, chosen, all[query].Context, limit)
			if err != nil {
				require.ErrorIs(t, err, fault.TooLarge)
				continue
			}
			require.LessOrEqual(t, s.Encode(e).Len(), limit)
			require.True(t, utf8.ValidString(s.History))
			require.True(t, strings.HasSuffix(s.History, "\n\n"))
			require.Equal(t, "Now:\nn: q\ntext:", s.Suffix)
			text := cut(items[0].Text, 64*limit, fitsResponse(e, limit))
			require.LessOrEqual(t, len(e.Encode(Plain.Response(text))), max(limit, 1))
			require.True(t, strings.HasPrefix(items[0].Text, text))
		}
	}
}

// fitsResponse tells whether a text as a response has at most limit tokens.
func fitsResponse(e Encoder, limit int) func(string) bool {
	return func(s string) bool { return len(e.Encode(Plain.Response(s))) <= limit }
}

func TestFitEncodesLongTextsOnlyInPart(t *testing.T) {
	items := []Item{{Text: strings.Repeat("漢字", 10<<20/6)}}
	start := time.Now()
	s, _, err := Plain.Fit(byteEncoder{}, items, []int{0}, nil, 1000)
	require.NoError(t, err)
	require.Greater(t, len(s.History), 900)
	require.Len(t, cut(items[0].Text, 640, fitsResponse(byteEncoder{}, 10)), 9)
	require.Less(t, time.Since(start), 2*time.Second)
}
