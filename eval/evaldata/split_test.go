package evaldata

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/method"
)

// writers makes writers with n texts each, in a random order of time.
func writers(n ...int) Set {
	var s Set
	rng := rand.New(rand.NewPCG(1, 2))
	for i, n := range n {
		w := Writer{ID: fmt.Sprintf("w%d", i)}
		for _, j := range rng.Perm(n) {
			w.Items = append(w.Items, history.Item{Text: fmt.Sprintf("text %d of %d", j, i), Time: day(2001, 1, j+1)})
		}
		s.Writers = append(s.Writers, w)
	}
	return s
}

func TestSplitIsByTime(t *testing.T) {
	chosen, err := Choose(writers(12, 5, 7), Split{Test: 2, Validation: 3, Train: 4, MinTrain: 2})
	require.NoError(t, err)
	users, dropped := chosen.Users, chosen.Dropped
	require.Len(t, users, 2)
	require.Equal(t, map[string]int{moreThanUsed: 3, fewTexts: 1}, reasons(dropped))
	u := users[0]
	require.Len(t, u.Train, 4)
	require.Len(t, u.Validation, 3)
	require.Len(t, u.Test, 2)
	for i, it := range append(append(append([]history.Item{}, u.Train...), u.Validation...), u.Test...) {
		require.Equal(t, fmt.Sprintf("text %d of 0", i+3), it.Text)
		require.NotEmpty(t, it.ID)
	}
}

// The draw depends on the seed and not on the order of the file, and a larger draw keeps the
// writers of a smaller one.
func TestDraw(t *testing.T) {
	sizes := make([]int, 40)
	for i := range sizes {
		sizes[i] = 4
	}
	set := writers(sizes...)
	ids := func(set Set, n int, seed uint64) map[string]bool {
		chosen, err := Choose(set, Split{Test: 1, Validation: 1, MinTrain: 1, Users: n, Seed: seed})
		require.NoError(t, err)
		users, dropped := chosen.Users, chosen.Dropped
		require.Equal(t, 40-n, reasons(dropped)[notChosen])
		out := map[string]bool{}
		for _, u := range users {
			out[u.ID] = true
		}
		return out
	}
	few, many := ids(set, 5, 1), ids(set, 15, 1)
	require.Len(t, few, 5)
	for id := range few {
		require.Contains(t, many, id)
	}
	require.NotEqual(t, few, ids(set, 5, 2))
	reversed := Set{}
	for _, w := range set.Writers {
		reversed.Writers = append([]Writer{w}, reversed.Writers...)
	}
	require.Equal(t, few, ids(reversed, 5, 1))
}

// No text is on both sides of a split, whoever wrote it.
func TestEqualTextsAreApart(t *testing.T) {
	set := writers(6, 6)
	set.Writers[1].Items[0].Text, set.Writers[1].Items[0].Time = "TEXT\u00a05  of\r\n0\x00", day(2000, 1, 1)
	chosen, err := Choose(set, Split{Test: 1, Validation: 1, MinTrain: 1})
	require.NoError(t, err)
	users, dropped := chosen.Users, chosen.Dropped
	require.Equal(t, map[string]int{atTest: 1}, reasons(dropped))
	for _, u := range users {
		require.NoError(t, method.User(u).Check(), "methods compare texts in the same way")
	}
	test, other := map[history.Digest]bool{}, map[history.Digest]bool{}
	for _, u := range users {
		for _, it := range u.Test {
			test[normal(it.Text)] = true
		}
		for _, it := range append(append([]history.Item{}, u.Train...), u.Validation...) {
			other[normal(it.Text)] = true
		}
	}
	for text := range other {
		require.NotContains(t, test, text)
	}
}

func TestSplitRefusals(t *testing.T) {
	_, err := Choose(writers(3), Split{Test: 2, Validation: 2, MinTrain: 1})
	require.ErrorIs(t, err, fault.Missing)
	for _, s := range []Split{{}, {Test: 1}, {Test: 1, MinTrain: 1, Validation: -1}, {Test: 1, MinTrain: 1,
		Users: -2}} {
		_, err := Choose(writers(9), s)
		require.ErrorIs(t, err, fault.OutOfRange)
	}
}

// A question of LaMP has no date. It is later than the dated texts of its profile.
func TestUndatedTestTextsFollowDatedTexts(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2020, 1, d, 0, 0, 0, 0, time.UTC) }
	w := Writer{ID: "a", Fixed: []history.Item{{Text: "question"}}}
	for d := 4; d > 0; d-- {
		w.Items = append(w.Items, history.Item{Text: fmt.Sprint("text ", d), Time: day(d)})
	}
	chosen, err := Choose(Set{Writers: []Writer{w}}, Split{Test: 1, Validation: 1, MinTrain: 1})
	require.NoError(t, err)
	u := chosen.Users[0]
	require.NoError(t, method.User(u).Check())
	require.Len(t, u.Train, 3)
	require.Equal(t, day(4), u.Test[0].Time)
}
