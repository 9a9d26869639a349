package evaldata

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// User is a writer with its texts split by time: every training text is before every validation
// text, and these are before the test texts.
type User struct {
	ID         string
	Train      []history.Item
	Validation []history.Item
	Test       []history.Item
}

// Split says how many texts of a writer have which role. Where a data set names the test texts,
// Test is the largest number of them.
type Split struct {
	Test       int `range:"1 1000000"` // the newest
	Validation int `range:"1 1000000"` // those before
	Train      int `range:"0 1000000"` // at most so many before these, the newest; 0 means all
	MinTrain   int `range:"1 1000000"` // a writer with fewer is left out
	Users      int `range:"0 1000000"` // so many writers are drawn; 0 means all
	Pool       int `range:"0 1000000"` // and so many others, for methods that first train on other writers
	Seed       uint64
}

// Chosen is the result of Choose.
type Chosen struct {
	Users   []User // in the order of the data set
	Others  []User // writers that were not drawn, at most Split.Pool
	Dropped []Dropped
}

func (s Split) check() error {
	for _, f := range []struct {
		name     string
		v, least int
	}{{"test", s.Test, 1}, {"validation", s.Validation, 0}, {"train", s.Train, 0}, {"min-train", s.MinTrain, 1},
		{"users", s.Users, 0}, {"pool", s.Pool, 0}} {
		if f.v < f.least {
			return fault.New(fault.OutOfRange, "--"+f.name, "", "is %d", f.v).WithLimit("at least %d", f.least)
		}
	}
	return nil
}

// Choose draws writers and splits their texts. The draw depends on the writers' ids and the seed,
// not on their order or number. The list of what was left out continues that of the set. Without a
// writer that has enough texts the error is of kind Missing.
func Choose(set Set, s Split) (Chosen, error) {
	if err := s.check(); err != nil {
		return Chosen{}, err
	}
	t := tally{list: slices.Clone(set.Dropped), index: map[string]int{}}
	for i, d := range t.list {
		t.index[d.Reason] = i
	}
	var users []User
	own := map[string]tally{} // what is left out of a writer's texts, if it is drawn
	for _, w := range set.Writers {
		var of tally
		if u, ok := s.split(w, &of); ok {
			users = append(users, u)
			own[u.ID] = of
		} else {
			t.add(fewTexts, "writer "+fault.Quote(w.ID), false, true)
		}
	}
	users, others := s.draw(users, &t)
	for _, u := range slices.Concat(users, others) {
		for _, d := range own[u.ID].list {
			t.addN(d.Count, d.Reason, d.First, d.Kept, d.Writer)
		}
	}
	users, others = s.apart(users, others, &t)
	if len(users) == 0 {
		return Chosen{}, fault.New(fault.Missing, "data set", "", "no writer has enough texts").
			WithLimit("%d to train on, %d for validation, %d to test", s.MinTrain, s.Validation, s.Test).
			WithRemedy("lower --min-train, --validation or --test")
	}
	return Chosen{users, others, t.list}, nil
}

// split divides the texts of one writer. ok is false if there are too few.
func (s Split) split(w Writer, t *tally) (u User, ok bool) {
	u.ID = w.ID
	items := history.Sorted(w.Items)
	if len(w.Fixed) > 0 {
		fixed := dated(w.Fixed, items)
		u.Test = fixed[max(0, len(fixed)-s.Test):]
		items = earlier(items, u, t)
	} else {
		n := max(0, len(items)-s.Test)
		u.Test, items = items[n:], items[:n]
	}
	n := max(0, len(items)-s.Validation)
	u.Validation, items = items[n:], items[:n]
	if s.Train > 0 && len(items) > s.Train {
		t.addN(len(items)-s.Train, moreThanUsed, "writer "+fault.Quote(w.ID), false, false)
		items = items[len(items)-s.Train:]
	}
	u.Train = items
	all := slices.Concat(u.Train, u.Validation, u.Test)
	history.AssignIDs(all)
	a, b := len(u.Train), len(u.Train)+len(u.Validation)
	u.Train, u.Validation, u.Test = all[:a:a], all[a:b:b], all[b:]
	enough := len(u.Test) == s.Test || len(w.Fixed) > 0
	return u, enough && len(u.Validation) == s.Validation && len(u.Train) >= s.MinTrain
}

// dated sorts the test texts that the data set names. One without a time gets the latest time of
// all texts: LaMP's questions have no date, but the texts of their profiles, which are before them,
// do.
func dated(fixed, items []history.Item) []history.Item {
	var latest time.Time
	for _, it := range slices.Concat(items, fixed) {
		if it.Time.After(latest) {
			latest = it.Time
		}
	}
	out := slices.Clone(fixed)
	for i := range out {
		if !timed(out[i].Time) {
			out[i].Time = latest
		}
	}
	return history.Sorted(out)
}

// earlier keeps the texts that are not later than the first test text, where both have times.
func earlier(items []history.Item, u User, t *tally) []history.Item {
	first := u.Test[0].Time
	if !timed(first) {
		return items
	}
	kept := items[:0:0]
	for _, it := range items {
		if it.Time.After(first) {
			t.add(laterThan, "writer "+fault.Quote(u.ID), false, false)
			continue
		}
		kept = append(kept, it)
	}
	return kept
}

// draw takes the writers whose hash with the seed is smallest, and as others those that follow.
func (s Split) draw(users []User, t *tally) (drawn, others []User) {
	if s.Users == 0 || len(users) <= s.Users {
		return users, nil
	}
	order := make([]int, len(users))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := users[a].ID, users[b].ID
		return cmp.Or(cmp.Compare(rank(x, s.Seed), rank(y, s.Seed)), cmp.Compare(x, y))
	})
	pool := min(len(users), s.Users+s.Pool)
	if rest := order[pool:]; len(rest) > 0 {
		t.addN(len(rest), notChosen, "writer "+fault.Quote(users[rest[0]].ID), false, true)
	}
	inOrder := func(chosen []int) []User {
		slices.Sort(chosen)
		var out []User
		for _, i := range chosen {
			out = append(out, users[i])
		}
		return out
	}
	return inOrder(slices.Clone(order[:s.Users])), inOrder(slices.Clone(order[s.Users:pool]))
}

// rank orders writers at random: a hash of the id and the seed.
func rank(id string, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	x := h.Sum64() // FNV mixes its last bytes little, so finish as in MurmurHash3
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// apart removes texts from training and validation that any writer has as a test text: methods that
// train on several writers would see it. A writer that then has too few texts is left out.
func (s Split) apart(users, others []User, t *tally) (keptUsers, keptOthers []User) {
	test := map[history.Digest]bool{}
	for _, u := range users {
		for _, it := range u.Test {
			test[normal(it.Text)] = true
		}
	}
	keep := func(all []User) []User {
		var kept []User
		for _, u := range all {
			filter := func(items []history.Item) []history.Item {
				out := items[:0:0]
				for _, it := range items {
					if test[normal(it.Text)] {
						t.add(atTest, "writer "+fault.Quote(u.ID), false, false)
						continue
					}
					out = append(out, it)
				}
				return out
			}
			u.Train, u.Validation = filter(u.Train), filter(u.Validation)
			if len(u.Train) < s.MinTrain || s.Validation > 0 && len(u.Validation) == 0 {
				t.add(fewTexts, "writer "+fault.Quote(u.ID), false, true)
				continue
			}
			kept = append(kept, u)
		}
		return kept
	}
	return keep(users), keep(others)
}
