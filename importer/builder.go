package importer

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

// person is the sender of a message.
type person struct {
	name, address string
}

func (p person) key() string {
	if p.address != "" {
		return strings.ToLower(p.address)
	}
	return strings.ToLower(p.name)
}

// message is one text of one sender.
type message struct {
	conversation string // key of the chat; "" for notes
	place        string
	sender       person // zero: the text has no sender, it is the person's own
	text         string
	time         time.Time
	id           string
	to           string
	subject      string
	parent       string          // id of the message that this one answers
	replyTo      string          // text that this one answers, if the file says so
	thread       bool            // the latest message of another sender is the one that this answers
	fields       []history.Field // further context
}

// tally counts places per reason, in the order of first use.
type tally struct {
	order []string
	by    map[string]*LeftOut
}

// maxPlaces is the number of places that are listed per reason, and maxReasons that of reasons.
const (
	maxPlaces  = 5
	maxReasons = 100
)

func (t *tally) add(reason, place string) {
	if t.by == nil {
		t.by = map[string]*LeftOut{}
	}
	l := t.by[reason]
	if l == nil {
		if len(t.order) >= maxReasons {
			reason = "other reasons"
			l = t.by[reason]
		}
		if l == nil {
			l = &LeftOut{Reason: reason}
			t.by[reason] = l
			t.order = append(t.order, reason)
		}
	}
	l.Count++
	if place != "" && len(l.Places) < maxPlaces && !slices.Contains(l.Places, place) {
		l.Places = append(l.Places, place)
	}
}

func (t *tally) clone() tally {
	c := tally{order: slices.Clone(t.order)}
	for reason, l := range t.by {
		if c.by == nil {
			c.by = map[string]*LeftOut{}
		}
		c.by[reason] = &LeftOut{Reason: l.Reason, Count: l.Count, Places: slices.Clone(l.Places)}
	}
	return c
}

func (t *tally) list() []LeftOut {
	var out []LeftOut
	for _, r := range t.order {
		out = append(out, *t.by[r])
	}
	slices.SortStableFunc(out, func(a, b LeftOut) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// builder gathers messages.
type builder struct {
	lim      Limits
	messages []message
	bytes    int64
	left     tally
	notes    tally
	first    error // the first fault, for an import without any item

	certain map[string]map[string]bool // keys of senders that are the person, by conversation
	marks   map[string]int             // signs that a sender is the person, by key; negative: is not
}

func (b *builder) leave(reason, place string) { b.left.add(reason, place) }

func (b *builder) note(reason, place string) { b.notes.add(reason, place) }

// leaveFault lists a fault as left out.
func (b *builder) leaveFault(err error, place string) {
	if b.first == nil {
		b.first = err
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		b.leave("cannot be read", place)
		return
	}
	if f.Where != "" {
		place = f.Where
		if f.Field != "" {
			place += ": " + f.Field
		}
	}
	reason := f.Detail
	if f.Remedy != "" {
		reason += "; " + f.Remedy
	}
	b.leave(reason, place)
}

// mark adds a sign that a sender is the person (n > 0) or is not (n < 0).
func (b *builder) mark(p person, n int) {
	if b.marks == nil {
		b.marks = map[string]int{}
	}
	b.marks[p.key()] += n
}

// isMe records that a sender of a conversation is the person for certain.
func (b *builder) isMe(conversation string, p person) {
	if b.certain == nil {
		b.certain = map[string]map[string]bool{}
	}
	if b.certain[conversation] == nil {
		b.certain[conversation] = map[string]bool{}
	}
	b.certain[conversation][p.key()] = true
}

// The totals of texts of all senders are bounded separately from those of the items.
const allTexts = 256 << 20

// add takes a message. Texts that are empty or too long are left out.
func (b *builder) add(m message) {
	m.text = clean(m.text)
	switch {
	case m.text == "":
		b.leave("has no text", m.place)
		return
	case len(m.text) > b.lim.Text:
		b.leaveFault(fault.New(fault.TooLarge, m.place, "", "the text is too long").WithLimit("%d bytes", b.lim.Text).
			WithRemedy("split it into several files"), m.place)
		return
	case len(b.messages) >= b.lim.Messages || b.bytes+int64(len(m.text)) > allTexts:
		b.leave("there are too many messages; import fewer files", m.place)
		return
	}
	m.text = strings.Clone(m.text) // so that the file need not stay in memory
	b.bytes += int64(len(m.text))
	b.messages = append(b.messages, m)
}

// clean trims a text, and unifies line breaks. Control characters other than tabs are removed.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if strings.ContainsRune(s, '\r') {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == '\ufeff' {
			return -1
		}
		return c
	}, s)
	return strings.TrimSpace(s)
}

// result chooses the person's messages and makes items of them.
func (b *builder) result(o Options, name string) (Result, error) {
	b.dropAnonymous()
	left, notes := b.left.clone(), b.notes.clone()
	defer func() { b.left, b.notes = left, notes }() // another choice starts from here
	senders := b.senders()
	if err := b.checkNames(senders, o.Me, name); err != nil {
		return Result{Senders: list(senders)}, err
	}
	r := Result{}
	chosen := b.choose(senders, o.Me, &r)
	r.Items = b.items(chosen, r.Choose)
	r.Senders = list(senders)
	r.LeftOut, r.Notes = b.left.list(), b.notes.list()
	for _, it := range r.Items {
		if it.Time.IsZero() {
			continue
		}
		if r.From.IsZero() || it.Time.Before(r.From) {
			r.From = it.Time
		}
		if it.Time.After(r.To) {
			r.To = it.Time
		}
	}
	if len(r.Items) == 0 && !r.Choose {
		if b.first != nil {
			return r, b.first
		}
		f := fault.New(fault.Missing, name, "", "holds no text").WithRemedy("add at least one text")
		if len(r.LeftOut) > 0 {
			f.Detail = "holds no text that can be imported: " + r.LeftOut[0].Reason
		}
		return r, f
	}
	return r, nil
}

// dropAnonymous leaves out the messages without a sender in conversations where others have one:
// they may be anyone's.
func (b *builder) dropAnonymous() {
	named := map[string]bool{}
	for _, m := range b.messages {
		if m.sender != (person{}) {
			named[m.conversation] = true
		}
	}
	b.messages = slices.DeleteFunc(b.messages, func(m message) bool {
		drop := m.sender == (person{}) && m.conversation != "" && named[m.conversation]
		if drop {
			b.leave("the message has no sender", m.place)
		}
		return drop
	})
}

// checkNames fails if no name of the person is that of a sender, unless the files say for every
// conversation who the person is. If only some names are, the others are noted.
func (b *builder) checkNames(senders []*known, me []string, place string) error {
	if len(me) == 0 || len(senders) == 0 {
		return nil
	}
	var absent []string
	for _, name := range me {
		if !slices.ContainsFunc(senders, func(s *known) bool { return s.is(name) }) {
			absent = append(absent, name)
		}
	}
	if len(absent) == len(me) && slices.ContainsFunc(b.messages, func(m message) bool {
		return m.sender != (person{}) && len(b.certain[m.conversation]) == 0
	}) {
		return fault.New(fault.Missing, place, "", "no sender is named %s", fault.Quote(strings.Join(me, ", "))).
			WithRemedy("use one of: %s", labels(list(senders)))
	}
	for _, name := range absent {
		b.note("no sender is named "+fault.Quote(name)+"; check the spelling", place)
	}
	return nil
}

func (in *input) result(name string) (Result, error) { return in.builder.result(in.o, name) }

// known is a sender with what the choice needs.
type known struct {
	Sender
	key           string
	conversations map[string]bool
}

// senders lists the senders of all messages, most messages first.
func (b *builder) senders() []*known {
	by := map[string]*known{}
	var out []*known
	for _, m := range b.messages {
		if m.sender == (person{}) {
			continue
		}
		key := m.sender.key()
		s := by[key]
		if s == nil {
			s = &known{Sender: Sender{Name: m.sender.name, Address: strings.ToLower(m.sender.address)}, key: key,
				conversations: map[string]bool{}}
			by[key] = s
			out = append(out, s)
		}
		if s.Name == "" {
			s.Name = m.sender.name
		}
		s.Count++
		s.conversations[m.conversation] = true
		if line := prose.OneLine(m.text, 80); len(line) > len(s.Sample) && utf8.RuneCountInString(s.Sample) < 20 {
			s.Sample = line
		}
	}
	slices.SortStableFunc(out, func(x, y *known) int { return cmp.Compare(y.Count, x.Count) })
	likely := (*known)(nil)
	rank := func(s *known) int {
		n := b.marks[s.key]
		for c := range s.conversations {
			if b.certain[c][s.key] {
				n += 1_000_000
			}
		}
		return n
	}
	for _, s := range out {
		better := likely == nil
		if !better {
			better = cmp.Or(cmp.Compare(rank(s), rank(likely)),
				cmp.Compare(len(s.conversations), len(likely.conversations))) > 0
		}
		if better {
			likely = s
		}
	}
	if likely != nil && (b.marks[likely.key] >= 0 || len(out) > 1) {
		likely.Likely = true
	}
	return out
}

func list(senders []*known) []Sender {
	var out []Sender
	for _, s := range senders {
		out = append(out, s.Sender)
	}
	return out
}

// labels lists senders in one line.
func labels(senders []Sender) string {
	var out []string
	for i, s := range senders {
		if i == 10 {
			out = append(out, "…")
			break
		}
		out = append(out, s.Label())
	}
	return strings.Join(out, ", ")
}

// choose returns a function that tells whether a message is the person's. Without names, the person
// is the sender that a conversation marks as certain, or the only sender of the others.
func (b *builder) choose(senders []*known, me []string, r *Result) func(message) bool {
	taken := map[string]bool{}
	inTaken := map[string]bool{} // conversations with a chosen sender
	for _, s := range senders {
		if !slices.ContainsFunc(me, s.is) {
			continue
		}
		taken[s.key] = true
		for c := range s.conversations {
			inTaken[c] = true
		}
	}
	if len(me) == 0 {
		open := map[string]*known{} // senders of conversations without a certain one
		for _, s := range senders {
			for c := range s.conversations {
				if len(b.certain[c]) == 0 {
					open[s.key] = s
				}
			}
		}
		same := ""
		for _, s := range open {
			name := strings.ToLower(cmp.Or(s.Name, s.Address))
			if same == "" {
				same = name
			}
			if name != same || b.marks[s.key] < 0 {
				r.Choose = true
			}
		}
		if !r.Choose {
			for key := range open {
				taken[key] = true
			}
		}
	}
	chosen := func(m message) bool {
		if m.sender == (person{}) {
			return true
		}
		key := m.sender.key()
		if c := b.certain[m.conversation]; len(c) > 0 && !inTaken[m.conversation] {
			return c[key]
		}
		return taken[key]
	}
	byKey := map[string]*known{}
	for _, s := range senders {
		byKey[s.key] = s
	}
	for _, m := range b.messages {
		if m.sender != (person{}) && chosen(m) {
			byKey[m.sender.key()].Chosen = true
		}
	}
	return chosen
}

// is reports whether a name from the command line means the sender.
func (s Sender) is(name string) bool {
	name = strings.TrimSpace(name)
	return name != "" && (strings.EqualFold(name, s.Name) || strings.EqualFold(name, s.Address) ||
		strings.EqualFold(name, s.Label()))
}

// The context of an item quotes at most maxReply bytes of the message that it answers, and only a
// message of the last maxPause.
const (
	maxReply = 500
	maxPause = 24 * time.Hour
)

// items makes items of the chosen messages. The others become context.
func (b *builder) items(chosen func(message) bool, choose bool) []history.Item {
	type reference struct{ conversation, id string }
	last := map[string]*message{}  // of another sender, by conversation
	others := map[string]*person{} // the only other sender of a conversation; nil if there are several
	byID := map[reference]*message{}
	for i := range b.messages {
		m := &b.messages[i]
		if m.id != "" {
			byID[reference{m.conversation, m.id}] = m
		}
		if !chosen(*m) {
			other, found := others[m.conversation]
			if !found {
				others[m.conversation] = &m.sender
			} else if other != nil && other.key() != m.sender.key() {
				others[m.conversation] = nil
			}
		}
	}
	var out []history.Item
	type identity struct {
		id, text string
		time     time.Time
	}
	seen := map[identity]bool{}
	used := map[string]bool{} // ids
	for i := range b.messages {
		m := &b.messages[i]
		if !chosen(*m) {
			last[m.conversation] = m
			if !choose {
				b.leave("written by others", m.place)
			}
			continue
		}
		it := history.Item{ID: m.id, Text: m.text, Time: m.time.UTC()}
		if m.time.IsZero() {
			it.Time = time.Time{}
		}
		to, reply := m.to, m.replyTo
		if other := others[m.conversation]; to == "" && other != nil {
			to = cmp.Or(other.name, other.address)
		}
		if p := byID[reference{m.conversation, m.parent}]; m.parent != "" && p != nil && p != m {
			reply = p.text
		}
		if l := last[m.conversation]; reply == "" && m.thread && l != nil &&
			(m.time.IsZero() || l.time.IsZero() || m.time.Sub(l.time).Abs() < maxPause) {
			reply = l.text
		}
		it.Context = contextOf(append([]history.Field{{Name: "to", Value: to}, {Name: "subject", Value: m.subject},
			{Name: "in reply to", Value: prose.Cut(reply, maxReply)}}, m.fields...))
		if it.ID != "" {
			same := identity{it.ID, it.Text, it.Time}
			if seen[same] {
				b.leave("a copy of an earlier item", m.place)
				continue
			}
			seen[same] = true
			if used[it.ID] {
				it.ID = "" // the same id with another text is another text
			} else {
				used[it.ID] = true
			}
		}
		out = append(out, it)
	}
	out = b.newest(out)
	history.AssignIDs(out)
	return out
}

// newest keeps the newest items within the limits.
func (b *builder) newest(items []history.Item) []history.Item {
	size := int64(0)
	for _, it := range items {
		size += int64(len(it.Text))
	}
	if len(items) <= b.lim.Items && size <= b.lim.Texts {
		return items
	}
	sorted := history.Sorted(items)
	n, total := 0, int64(0)
	for i := len(sorted) - 1; i >= 0; i-- {
		total += int64(len(sorted[i].Text))
		if n == b.lim.Items || total > b.lim.Texts {
			break
		}
		n++
	}
	for range len(sorted) - n {
		b.leave("older than the newest texts that fit", "")
	}
	return sorted[len(sorted)-n:]
}

// maxValue is the number of bytes that are kept of a field's value.
const maxValue = 8 << 10

// contextOf drops empty fields, and makes the rest valid for core/history: names are unique and one
// line.
func contextOf(fields []history.Field) []history.Field {
	var out []history.Field
	used := map[string]bool{}
	for _, f := range fields {
		name := prose.OneLine(f.Name, history.MaxFieldName)
		value := clean(prose.Cut(f.Value, maxValue))
		if name == "" || value == "" || used[name] || len(out) == history.MaxFields {
			continue
		}
		used[name] = true
		out = append(out, history.Field{Name: name, Value: value})
	}
	return out
}
