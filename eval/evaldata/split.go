package evaldata

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"

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
	Test       int // the newest
	Validation int // those before
	Train      int // at most so many before these, the newest; 0 means all
	MinTrain   int // a writer with fewer is left out
	Users      int // so many writers are drawn; 0 means all
	Seed       uint64
}

func (s Split) check() error {
	for _, f := range []struct {
		name     string
		v, least int
	}{{"test", s.Test, 1}, {"validation", s.Validation, 0}, {"train", s.Train, 0}, {"min-train", s.MinTrain, 1},
		{"users", s.Users, 0}} {
		if f.v < f.least {
			return fault.New(fault.OutOfRange, "--"+f.name, "", "is %d", f.v).WithLimit("at least %d", f.least)
		}
	}
	return nil
}

// Choose draws writers and splits their texts. The draw depends on the writers' ids and the seed,
// not on their order or number. The result has the order of the data set. The list of what was left
// out continues that of the set. Without a writer that has enough texts the error is of kind
// Missing.
func Choose(set Set, s Split) ([]User, []Dropped, error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	t := tally{list: slices.Clone(set.Dropped), index: map[string]int{}}
	for i, d := range t.list {
		t.index[d.Reason] = i
	}
	var users []User
	for _, w := range set.Writers {
		u, ok := s.split(w, &t)
		if ok {
			users = append(users, u)
		} else {
			t.add(fewTexts, "writer "+fault.Quote(w.ID), false, true)
		}
	}
	if users = s.draw(users, &t); len(users) == 0 {
		return nil, nil, fault.New(fault.Missing, "data set", "", "no writer has enough texts").
			WithLimit("%d to train on, %d for validation, %d to test", s.MinTrain, s.Validation, s.Test).
			WithRemedy("lower --min-train, --validation or --test")
	}
	return s.apart(users, &t)
}

// split divides the texts of one writer. ok is false if there are too few.
func (s Split) split(w Writer, t *tally) (u User, ok bool) {
	u.ID = w.ID
	items := history.Sorted(w.Items)
	if len(w.Fixed) > 0 {
		fixed := history.Sorted(w.Fixed)
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

// draw takes the writers whose hash with the seed is smallest.
func (s Split) draw(users []User, t *tally) []User {
	if s.Users == 0 || len(users) <= s.Users {
		return users
	}
	rank := func(id string) uint64 {
		h := fnv.New64a()
		h.Write([]byte(id))
		h.Write(binary.LittleEndian.AppendUint64(nil, s.Seed))
		x := h.Sum64() // FNV mixes its last bytes little, so finish as in MurmurHash3
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		x ^= x >> 33
		x *= 0xc4ceb9fe1a85ec53
		return x ^ x>>33
	}
	order := make([]int, len(users))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(users[a].ID), rank(users[b].ID)), cmp.Compare(users[a].ID, users[b].ID))
	})
	t.addN(len(users)-s.Users, notChosen, "writer "+fault.Quote(users[order[s.Users]].ID), false, true)
	order = order[:s.Users]
	slices.Sort(order)
	out := make([]User, 0, s.Users)
	for _, i := range order {
		out = append(out, users[i])
	}
	return out
}

// apart removes texts from training and validation that any writer has as a test text: methods that
// train on several writers would see it. A writer that then has too few texts is left out, which
// never adds a test text.
func (s Split) apart(users []User, t *tally) ([]User, []Dropped, error) {
	test := map[string]bool{}
	for _, u := range users {
		for _, it := range u.Test {
			test[normal(it.Text)] = true
		}
	}
	kept := users[:0]
	for _, u := range users {
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
	if len(kept) == 0 {
		return nil, nil, fault.New(fault.Missing, "data set", "", "no writer has enough texts of its own").
			WithRemedy("lower --min-train or --test")
	}
	return kept, t.list, nil
}
